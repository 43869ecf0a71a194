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
const chartOf = ({ chart }) => find(chart)?.querySelector(".js-plotly-plot");
let given = null, pressed = null;  // what the server gave last, of the slider and of the buttons, which outlive it

// The sentence (`reader.js`) shows these weights of the open head, a byte each; without any, its own.
const colour = (weights) => window.dispatchEvent(new CustomEvent("attnviz-dragged", { detail: { weights } }));

// What the explanation says of the pair, over what it said.
function say(place, { forms, texts }, at) {
  if (!place) return;
  const [form, ...numbers] = texts[at];
  const over = place.querySelector(":scope > .dragged-why") ?? place.appendChild(document.createElement("div"));
  over.className = "dragged-why";
  over.innerHTML = forms[form].map((part, at) => (at ? numbers[at - 1] : "") + part).join("");
  over.style.background = getComputedStyle(document.querySelector('[data-testid="stApp"]')).backgroundColor;
}

function clear() {
  document.querySelectorAll("canvas.dragged, .dragged-why").forEach((one) => one.remove());
  colour(null);
}

// One frame over the heatmap and over the sentence.
function show(chart, one, place) {
  const at = (cells) => cells.subarray(place * cells.length / one.values.length, (place + 1) * cells.length / one.values.length);
  lay(chart, one, at(one.cells));
  if (one.words) colour(Uint8Array.from(at(one.words), (byte) => (byte > 200 ? 0 : byte * 255 / 200)));
}

function follow() {
  const slider = given && find(given.slider)?.querySelector('input[type="range"]');
  const chart = given && chartOf(given);
  if (!slider || !chart?._fullLayout) return;
  const value = Number(slider.value);
  if (Math.abs(value - given.now) < 1e-9) return clear();
  show(chart, given, nearest(given.values, value));
  if (given.said) say(find(given.why), given.said, nearest(given.said.values, value));
}

// A rule's name in the sidebar, or in the bar at the bottom of a phone.
function nameOf(button) {
  if (button.closest(".attnviz-bar")?.querySelector(`[data-key="${CSS.escape(pressed.bar)}"]`)?.contains(button)) return button.dataset.value;
  const box = button.closest(`.${CSS.escape(pressed.box)}`);
  return box && pressed.names[[...box.querySelectorAll("button")].indexOf(button)];
}

function press({ target }) {
  const button = pressed && target.closest?.("button"), name = button && nameOf(button), chart = name && chartOf(pressed);
  if (!chart?._fullLayout) return;
  const place = pressed.places[name];
  if (place === undefined) return clear();
  show(chart, pressed, place);
  if (pressed.said) say(find(pressed.why), pressed.said, place);
}

const watch = new MutationObserver(follow);
for (const event of ["pointerdown", "keydown"]) {
  document.addEventListener(event, ({ target }) => {  // a slider may be drawn after this: it is watched once it is taken
    const box = given && target.closest?.(`.${CSS.escape(given.slider)}`);
    if (box) watch.observe(box, { subtree: true, attributes: true, attributeFilter: ["aria-valuetext"] });
  }, true);
}
document.addEventListener("click", press, true);  // by keyboard too

function unpacked(data) {
  if (!data.values.length) return null;
  const cells = decoded(data.frames);
  return { ...data, cells, words: data.sentence ? decoded(data.sentence) : data.own ? null : cells };
}

export default function ({ data }) {
  const mine = unpacked(data);
  if (data.places) pressed = mine;
  else given = mine;
  clear();  // the server has answered
  return () => {
    if (given === mine) given = null;
    if (pressed === mine) pressed = null;
  };
}
