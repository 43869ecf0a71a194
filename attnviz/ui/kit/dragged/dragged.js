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
const clear = () => document.querySelectorAll("canvas.dragged").forEach((one) => one.remove());
let given = null;  // what the server gave last; the slider outlives it

function follow() {
  const slider = given && find(given.slider)?.querySelector('input[type="range"]');
  const chart = given && find(given.chart)?.querySelector(".js-plotly-plot");
  if (!slider || !chart?._fullLayout) return;
  const value = Number(slider.value);
  if (Math.abs(value - given.now) < 1e-9) return clear();
  const place = nearest(given.values, value), size = given.rows * given.columns;
  lay(chart, given, given.cells.subarray(place * size, (place + 1) * size));
}

const watch = new MutationObserver(follow);
for (const event of ["pointerdown", "keydown"]) {
  document.addEventListener(event, ({ target }) => {  // a slider may be drawn after this: it is watched once it is taken
    const box = given && target.closest?.(`.${CSS.escape(given.slider)}`);
    if (box) watch.observe(box, { subtree: true, attributes: true, attributeFilter: ["aria-valuetext"] });
  }, true);
}

export default function ({ data }) {
  const mine = (given = data.values.length ? { ...data, cells: decoded(data.frames) } : null);
  clear();  // the server has answered
  return () => { if (given === mine) given = null; };
}
