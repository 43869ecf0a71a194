// The map of a head: drag a box, click a place, or step with the keyboard. Plotly redraws the chart with every answer, so
// the document is listened to, and the chart looked up when it is pressed. All places are tokens: [queries, keys].
const KEYS = {
  ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down", "+": "in", "=": "in", "-": "out",
  Enter: "in", Backspace: "back", Escape: "overview", Home: "overview",
};
const FAR = 6; // pixels: less is a click

const within = (chart, x, y) => {
  const layout = chart._fullLayout, box = chart.getBoundingClientRect();
  const scale = box.width / chart.offsetWidth || 1;
  const left = (x - box.left) / scale - layout.xaxis._offset, top = (y - box.top) / scale - layout.yaxis._offset;
  return { left, top, inside: left >= 0 && top >= 0 && left <= layout.xaxis._length && top <= layout.yaxis._length };
};
// From the chart's own numbers to tokens: `meta` says the first token of each axis and how many tokens a cell is.
const tokens = (chart, at) => {
  const { xaxis, yaxis } = chart._fullLayout;
  const map = chart.layout.meta ?? {};
  const clamp = (value, most) => Math.max(0, Math.min(most, value));
  const key = xaxis.p2d(clamp(at.left, xaxis._length)), query = yaxis.p2d(clamp(at.top, yaxis._length));
  return [
    (map.query ?? 0) + (query + 0.5) * (map.queries ?? 1), (map.key ?? 0) + (key + 0.5) * (map.keys ?? 1),
  ];
};

export default function ({ data, setTriggerValue }) {
  const place = () => document.querySelector(`.${CSS.escape(data.chart)}`);
  let start = null;
  let shade = null;

  const ready = () => {
    const box = place();
    if (!box) return void requestAnimationFrame(ready);
    box.tabIndex = 0;
    box.setAttribute("role", "group");
    Object.assign(box.style, { outlineColor: "#e8590c", outlineOffset: "2px", touchAction: "manipulation" });
    box.setAttribute("aria-label", data.label);
    document.documentElement.dataset.longMap = "heard";
  };
  const drop = () => { shade?.remove(); shade = start = null; };

  const press = (event) => {
    const chart = event.target.closest?.(".js-plotly-plot");
    if (!chart || !chart._fullLayout?.xaxis || event.button !== 0 || !place()?.contains(chart)) return;
    const at = within(chart, event.clientX, event.clientY);
    if (!at.inside) return;
    place().focus({ preventScroll: true });
    start = { chart, at, x: event.clientX, y: event.clientY, touch: event.pointerType === "touch" };
  };
  const drag = (event) => {
    if (!start || start.touch) return;
    const wide = Math.abs(event.clientX - start.x), high = Math.abs(event.clientY - start.y);
    if (!shade && Math.max(wide, high) < FAR) return;
    if (!shade) {
      shade = document.createElement("div");
      shade.style.cssText = "position:fixed;z-index:9999;pointer-events:none;border:2px solid #e8590c;background:#e8590c22";
      document.body.append(shade);
    }
    Object.assign(shade.style, {
      left: `${Math.min(event.clientX, start.x)}px`, top: `${Math.min(event.clientY, start.y)}px`,
      width: `${wide}px`, height: `${high}px`,
    });
    event.preventDefault();
  };
  const release = (event) => {
    if (!start) return;
    const { chart, at, x, y } = start;
    const far = Math.max(Math.abs(event.clientX - x), Math.abs(event.clientY - y)) >= FAR;
    const dragged = shade !== null;
    drop();
    if (!chart.isConnected) return;
    const from = tokens(chart, at);
    if (!dragged) {
      if (!far) setTriggerValue("point", from);
      return;
    }
    const to = tokens(chart, within(chart, event.clientX, event.clientY));
    setTriggerValue("box", [from[0], to[0], from[1], to[1]]);
  };
  const type = (event) => {
    const box = place();
    if (!box || event.target !== box || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = KEYS[event.key];
    if (!move) return;
    event.preventDefault();
    setTriggerValue("move", move);
  };

  const heard = [["pointerdown", press], ["pointermove", drag], ["pointerup", release], ["pointercancel", drop], ["keydown", type]];
  heard.forEach(([name, act]) => document.addEventListener(name, act, true));
  ready();
  return () => {
    drop();
    heard.forEach(([name, act]) => document.removeEventListener(name, act, true));
  };
}
