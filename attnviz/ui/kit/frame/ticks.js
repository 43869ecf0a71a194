// Labels of an axis that would lie on each other: smaller, and below 9 pixels every second, third ... stays. The server
// thins them for a wide screen. Of turned ones the lines are nearer to each other than their places.
const SIZE = /translate\((-?[\d.]+),(-?[\d.]+)\)/, FEW = 12, LEAST = 9, ACROSS = 1.08, DOWN = 0.92;
const DRAWN = 560;  // pixels that a graph is wide where its nodes are as they were drawn
const FULL = 1.4, WIDE = /[\u2e80-\uffef]{3}/;  // words of characters as high as the line, without ascenders to spare

function thin() {
  for (const axis of document.querySelectorAll(".js-plotly-plot :is(.xaxislayer-above, .yaxislayer-above)")) {
    const texts = [...axis.querySelectorAll(":is(.xtick, .ytick) text")], across = axis.classList.contains("xaxislayer-above");
    if (texts.length < FEW || (across && !texts[0].getAttribute("transform")?.includes("rotate(-60"))) continue;
    const at = texts.map((one) => Number(SIZE.exec(one.getAttribute("transform"))?.[across ? 1 : 2]));
    const step = Math.abs(at.at(-1) - at[0]) / (at.length - 1), need = !across ? DOWN : texts.some((one) => WIDE.test(one.textContent)) ? FULL : ACROSS;
    if (!step) continue;
    const now = parseFloat(texts[0].style.fontSize) || 10;
    if (now !== Number(axis.dataset.made)) axis.dataset.own = now;  // as Plotly drew it, which may be another picture
    const size = Math.round(10 * Math.max(LEAST, Math.min(axis.dataset.own, step / need))) / 10;
    const every = Math.max(1, Math.ceil((need * size) / step - 0.02));
    axis.dataset.made = size;
    texts.forEach((one, place) => {
      one.style.visibility = place % every ? "hidden" : "";
      one.style.fontSize = `${size}px`;
    });
  }
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    if (plot.data?.some((one) => one.meta === "written")) fitIn(plot);
    if (plot.data?.some((one) => one.meta === "words")) fitWords(plot);
    if (plot.data?.some((one) => one.meta === "nodes")) fitNodes(plot);
  }
}

// Nodes of a graph: smaller where the picture is, so that they do not cover its edges.
function fitNodes(plot) {
  const share = Math.max(0.65, Math.min(1, plot.getBoundingClientRect().width / DRAWN)), scale = share < 1 ? `scale(${share.toFixed(2)})` : "";
  for (const one of plot.querySelectorAll(".scatterlayer .point")) {
    const now = one.getAttribute("transform") ?? "", then = `${now.replace(/ ?scale\([^)]*\)/, "")}${scale}`;
    if (now !== then) one.setAttribute("transform", then);
  }
}

// Words in cells: smaller where they are wider than their cell, down to 9 pixels.
function fitWords(plot) {
  const ends = plot.layout.xaxis?.range, room = plot.querySelector(".nsewdrag")?.getBoundingClientRect().width / Math.abs(ends?.[1] - ends?.[0]);
  if (!room) return;
  for (const one of plot.querySelectorAll(".annotation-text")) {
    const now = parseFloat(one.style.fontSize), { width } = one.getBoundingClientRect();
    if (!width) continue;
    if (now !== Number(one.dataset.made)) one.dataset.own = now;  // as Plotly drew it
    one.dataset.made = Math.round(10 * Math.min(one.dataset.own, Math.max(LEAST, (now * room) / width))) / 10;
    one.style.fontSize = `${one.dataset.made}px`;
  }
}

// Numbers in cells: smaller where they would touch, and none where a cell is narrower than 9 pixels' worth of them.
function fitIn(plot) {
  const texts = [...plot.querySelectorAll(".scatterlayer .textpoint text")], [first, second] = texts.map((one) => one.getBoundingClientRect());
  if (!second) return;
  const room = Math.abs(second.left + second.width / 2 - first.left - first.width / 2);
  const now = parseFloat(texts[0].style.fontSize) || 11;
  if (now !== Number(plot.dataset.made)) plot.dataset.own = now;
  const size = Math.round(10 * Math.min(plot.dataset.own, Math.max(LEAST, (now * room) / (1.2 * first.width)))) / 10;
  plot.dataset.made = size;
  texts.forEach((one) => {
    one.style.visibility = room && room < (first.width * size) / now ? "hidden" : "";
    one.style.fontSize = `${size}px`;
  });
}
