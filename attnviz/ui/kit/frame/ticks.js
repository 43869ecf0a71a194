// Labels of an axis that would lie on each other: every second, third ... stays. The server thins them for a wide screen.
const SIZE = /translate\((-?[\d.]+),(-?[\d.]+)\)/, FEW = 12;

function thin() {
  for (const axis of document.querySelectorAll(".js-plotly-plot :is(.xaxislayer-above, .yaxislayer-above)")) {
    const texts = [...axis.querySelectorAll(":is(.xtick, .ytick) text")], across = axis.classList.contains("xaxislayer-above");
    if (texts.length < FEW || (across && !texts[0].getAttribute("transform")?.includes("rotate(-60"))) continue;
    const at = texts.map((one) => Number(SIZE.exec(one.getAttribute("transform"))?.[across ? 1 : 2]));
    const step = Math.abs(at.at(-1) - at[0]) / (at.length - 1), line = parseFloat(texts[0].style.fontSize) || 10;
    const every = Math.max(1, Math.ceil(((across ? 0.95 : 0.8) * line) / step));
    if (Number.isFinite(every)) texts.forEach((one, place) => { one.style.visibility = place % every ? "hidden" : ""; });
  }
}
