// While the slider of a rule is dragged, the head that belongs to its value lies over the heatmap: frames from the server.
function decoded(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

function nearest(values, value) {
  return values.reduce((best, one, place) => (Math.abs(one - value) < Math.abs(values[best] - value) ? place : best), 0);
}

// The cells as pixels of a canvas, scaled up by the browser, on the place where Plotly drew them.
function lay(chart, { rows, columns, colours }, frame) {
  const { xaxis: across, yaxis: down } = chart._fullLayout;
  const side = (axis, cells) => [axis.c2p(-0.5), axis.c2p(cells - 0.5)].sort((a, b) => a - b);
  const [[left, right], [top, bottom]] = [side(across, columns), side(down, rows)];
  const canvas = chart.querySelector("canvas.dragged") ?? document.createElement("canvas");
  Object.assign(canvas, { className: "dragged", width: columns, height: rows, ariaHidden: "true" });
  Object.assign(canvas.style, {
    position: "absolute", pointerEvents: "none", imageRendering: "pixelated", left: `${across._offset + left}px`,
    top: `${down._offset + top}px`, width: `${right - left}px`, height: `${bottom - top}px`,
    transform: across.c2p(0) > across.c2p(1) ? "scaleX(-1)" : "",
  });
  const image = new ImageData(columns, rows);
  frame.forEach((byte, cell) => image.data.set(colours[byte], 4 * cell));
  canvas.getContext("2d").putImageData(image, 0, 0);
  chart.querySelector(".svg-container").append(canvas);
}

const find = (name) => document.querySelector(`.${CSS.escape(name)}`);
let given = null;  // what the server gave last; the slider outlives it

// The sentence (`reader.js`) shows these weights of the open head, a byte each; without any, its own.
const colour = (weights) => window.dispatchEvent(new CustomEvent("attnviz-dragged", { detail: { weights } }));

// What the explanation says of the pair at this value of the slider, over what it said.
function say(place, { values, forms, texts }, value) {
  if (!place) return;
  const [form, ...numbers] = texts[nearest(values, value)];
  const over = place.querySelector(":scope > .dragged-why") ?? place.appendChild(document.createElement("div"));
  over.className = "dragged-why";
  over.innerHTML = forms[form].map((part, at) => (at ? numbers[at - 1] : "") + part).join("");
  over.style.background = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor;
}

function clear() {
  document.querySelectorAll("canvas.dragged, .dragged-why").forEach((one) => one.remove());
  colour(null);
}

function follow() {
  const slider = given && find(given.slider)?.querySelector('input[type="range"]');
  const chart = given && find(given.chart)?.querySelector(".js-plotly-plot");
  if (!slider || !chart?._fullLayout) return;
  const value = Number(slider.value);
  if (Math.abs(value - given.now) < 1e-9) return clear();
  const place = nearest(given.values, value);
  const at = (cells) => cells.subarray(place * cells.length / given.values.length, (place + 1) * cells.length / given.values.length);
  lay(chart, given, at(given.cells));
  if (given.words) colour(Uint8Array.from(at(given.words), (byte) => (byte > 200 ? 0 : byte * 255 / 200)));
  if (given.said) say(find(given.why), given.said, value);
}

const watch = new MutationObserver(follow);
for (const event of ["pointerdown", "keydown"]) {
  document.addEventListener(event, ({ target }) => {  // a slider may be drawn after this: it is watched once it is taken
    const box = given && target.closest?.(`.${CSS.escape(given.slider)}`);
    if (box) watch.observe(box, { subtree: true, attributes: true, attributeFilter: ["aria-valuetext"] });
  }, true);
}

function unpacked(data) {
  const cells = decoded(data.frames);
  return { ...data, cells, words: data.sentence ? decoded(data.sentence) : data.own ? null : cells };
}

export default function ({ data }) {
  const mine = (given = data.values.length ? unpacked(data) : null);
  clear();  // the server has answered
  return () => { if (given === mine) given = null; };
}
