// What a click on a chart means. A chart is drawn anew with every answer of the server, so it is asked to report its
// clicks when it is first pressed: { class name of its place: what the state is called }.
const asked = new WeakSet();

const told = {
  head: (point) => point.customdata,
  cell: ({ data, x, y }) => [data.meta.queries[y], data.meta.keys[x]],
};

export default function ({ data, setTriggerValue }) {
  const pressed = (event) => {
    const chart = event.target.closest?.(".js-plotly-plot");
    if (!chart || !chart.on || asked.has(chart)) return;
    const kind = Object.keys(data).find((name) => chart.closest(`.${CSS.escape(data[name])}`));
    if (!kind) return;
    asked.add(chart);
    chart.on("plotly_click", ({ points }) => {
      const place = Array.from(told[kind](points[0]) ?? []);  // a gap of the grid, or a sink, names none
      if (place.length && place.every((one) => one != null)) setTriggerValue(kind, place.map(Number));
    });
  };
  document.addEventListener("pointerdown", pressed, true);
  document.documentElement.dataset.clicks = "heard";
  return () => document.removeEventListener("pointerdown", pressed, true);
}
