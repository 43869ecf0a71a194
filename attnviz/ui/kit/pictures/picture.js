// What every picture in the browser shares: numbers as they come, the light on a place, keys, and what is pasted.
const LIGHT = [255, 122, 26], NOT = 65535, FULL = 65534, MOST = 0.82; // the colour, its marks, its fullest opacity
const EVEN = 4; // times an even weight: at least so much a row's full colour stands for (`sent.py` has it too)
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
// A small number as people write it: 7×10⁻⁴.
const powers = (value, digits) => value.toExponential(digits).replace(/e-(\d+)/, (_, power) => `×10⁻${[...power].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`);
const short = (weight) => (weight >= 0.001 || weight === 0 ? weight.toFixed(3) : powers(weight, 0));
// What a row's full colour stands for: its largest weight, or four times an even one, so that a row that looks everywhere
// alike is faint.
const fullOf = (row) => Math.max(Math.min(1, EVEN / row.length), ...row.map((weight) => weight || 0));
const middle = (box) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
// How many times as large as usual the page's letters are, and so its pictures: on a projector 1.5 times.
const larger = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

// A canvas for a picture of `wide` x `high` pixels drawn at a scale, as dense as the screen is.
const scaled = (canvas, [wide, high], scale) => {
  const across = Math.max(1, Math.round(wide * scale)), down = Math.max(1, Math.round(high * scale));
  const dense = Math.min(2, devicePixelRatio || 1);
  canvas.width = across * dense;
  canvas.height = down * dense;
  canvas.style.width = `${across}px`;
  canvas.style.height = `${down}px`;
};

// Light on a place, or darkness where there is none ("spot").
const lightUp = (pen, [x, y, right, bottom], share, paint, darkest = MOST) => {
  pen.fillStyle = paint === "spot" ? `rgba(0,0,0,${(darkest * (1 - share)).toFixed(3)})` : `rgba(${LIGHT},${(MOST * share).toFixed(3)})`;
  pen.fillRect(x, y, right - x, bottom - y);
};

// A place that is hidden (covered and crossed), or that may not be looked at (one stroke).
const crossOut = (pen, [x, y, right, bottom], covered) => {
  pen.fillStyle = covered ? "rgba(128,134,144,0.92)" : "rgba(128,134,144,0.35)";
  pen.fillRect(x, y, right - x, bottom - y);
  pen.strokeStyle = "rgba(255,255,255,0.75)";
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x, bottom);
  pen.lineTo(right, y);
  if (covered) { pen.moveTo(x, y); pen.lineTo(right, bottom); }
  pen.stroke();
};

// A box in the pixels of its canvas.
const laid = (box, canvas, data) => {
  const across = canvas.width / data.width, down = canvas.height / data.height;
  return [Math.round(box[0] * across), Math.round(box[1] * down), Math.round(box[2] * across), Math.round(box[3] * down)];
};

// The nearest box in a direction; from none, the one in the middle.
const nextBox = (boxes, here, [right, below], [width, height]) => {
  const from = boxes[here] ? middle(boxes[here]) : [width / 2, height / 2];
  let best = here, least = Infinity;
  boxes.forEach((box, place) => {
    if (!box || place === here) return;
    const [x, y] = middle(box).map((value, axis) => value - from[axis]);
    const along = boxes[here] ? x * right + y * below : 1, aside = boxes[here] ? Math.abs(x * below + y * right) : 0;
    const far = boxes[here] ? along + 8 * aside : Math.hypot(x, y);
    if (along > 1e-6 && far < least) { least = far; best = place; }
  });
  return best;
};
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// A picture that is pasted anywhere on the page while `main` is on it; pasted text goes where it was meant.
const hearPastes = (main, say) => {
  const heard = (event) => {
    if (!main.isConnected) return document.removeEventListener("paste", heard);
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    const reader = new FileReader();
    reader.onload = () => say({ name: file.name, data: reader.result.split(",")[1] });
    reader.readAsDataURL(file);
  };
  document.addEventListener("paste", heard);
};
