// What a click on a chart means. A chart is drawn anew with every answer of the server, so it is asked to report its
// clicks when it is first pressed: { class name of its place: what the state is called }.
const asked = new WeakSet();

const told = {
  head: (point) => point.customdata,
  cell: ({ data, x, y }) => [data.meta.queries[y], data.meta.keys[x]],
};

// In a text box of lines Enter reads the text, as in a box of one line, and Shift+Enter begins a new line: Streamlit reads
// it at Ctrl+Enter. A finger's keyboard has no Shift+Enter: there Enter begins a line, and leaving the box reads it.
function entered(event, lines) {
  const box = event.target, changed = event.shiftKey || event.ctrlKey || event.metaKey || event.altKey;
  if (event.key !== "Enter" || changed || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
  if (!box.matches?.(`.${CSS.escape(lines)} textarea`)) return;
  event.preventDefault();
  event.stopPropagation();
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true, cancelable: true }));
}

export default function ({ data, setTriggerValue }) {
  const pressed = (event) => {
    const chart = event.target.closest?.(".js-plotly-plot");
    if (!chart || !chart.on || asked.has(chart)) return;
    const kind = Object.keys(data.charts).find((name) => chart.closest(`.${CSS.escape(data.charts[name])}`));
    if (!kind) return;
    asked.add(chart);
    chart.on("plotly_click", ({ points }) => {
      const place = Array.from(told[kind](points[0]) ?? []);  // a gap of the grid, or a sink, names none
      if (place.length && place.every((one) => one != null)) setTriggerValue(kind, place.map(Number));
    });
  };
  const typed = (event) => entered(event, data.lines);
  document.addEventListener("pointerdown", pressed, true);
  document.addEventListener("keydown", typed, true);
  link({ ...data.charts, why: data.why });
  document.documentElement.dataset.clicks = "heard";
  return () => {
    document.removeEventListener("pointerdown", pressed, true);
    document.removeEventListener("keydown", typed, true);
  };
}
