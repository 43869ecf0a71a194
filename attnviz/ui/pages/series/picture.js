// A series whose past lights up where the chosen coming step looks: the line above, the map of all coming steps below it
// on the same axis, every head small. Pointing asks no server. Thickness carries the weight, so that no hue is needed.
const SPACE = { left: 46, right: 10, top: 8, plot: 210, calendar: 34, row: 7, bottom: 16 };
const EVEN = 4; // `shown.py` has it too, for the small maps
const NS = "http://www.w3.org/2000/svg";
const drawn = (name, say, text) => {
  const made = document.createElementNS(NS, name);
  Object.entries(say).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  return made;
};
const plainly = (value) => Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6, useGrouping: false });

// Round numbers along an axis, three to six of them.
const marks = (low, high) => {
  const raw = (high - low) / 4, unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((one) => one * unit).find((one) => one >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return found;
};

class Picture {
  constructor(root) {
    this.root = root;
    this.svg = drawn("svg", { tabindex: "0", role: "slider", class: "plot" });
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.tiles = element("div", "tiles");
    root.replaceChildren(this.svg, this.said, this.tiles);
    this.svg.onkeydown = (event) => this.type(event);
    this.svg.onpointermove = (event) => this.point(this.under(event));
    this.svg.onpointerleave = () => this.point(null);
    this.svg.onclick = (event) => this.pick(this.under(event));
    this.svg.onblur = () => { this.at = null; this.light(); };
    new ResizeObserver(() => this.data && this.lay()).observe(root);
  }

  update(data, say) {
    Object.assign(this, { data, say, over: null });
    this.root.classList.toggle("dark", data.dark);
    const shares = bytes(data.weights[0]), whole = new Uint16Array(shares.buffer, 0, shares.length >> 1);
    this.weights = Array.from(whole, (one) => (one === NOT ? 0 : (one / FULL) * data.weights[1]));
    this.at = this.at === null || this.at === undefined ? null : data.picked;
    this.lay();
    this.small();
  }

  get steps() { return this.data.past.length + this.data.came.length; }
  x(step) { return SPACE.left + (step + 0.5) * this.each; }
  y(value) { return SPACE.top + SPACE.plot * (1 - (value - this.low) / (this.high - this.low)); }
  top(row) { return SPACE.top + SPACE.plot + SPACE.calendar + row * SPACE.row; }

  lay() {
    const { data } = this, wide = Math.max(280, this.root.clientWidth || 640);
    this.each = (wide - SPACE.left - SPACE.right) / this.steps;
    const all = [data.past, data.came, data.low, data.high, data.before].flat().filter((one) => one !== null);
    const span = Math.max(...all) - Math.min(...all) || 1;
    this.low = Math.min(...all) - 0.05 * span;
    if (Math.min(...all) >= 0) this.low = Math.max(0, this.low);
    this.high = Math.max(...all) + 0.06 * span;
    const high = this.top(data.forecast ? data.came.length : 0) + SPACE.bottom;
    Object.entries({ width: wide, height: high, viewBox: `0 0 ${wide} ${high}` }).forEach(([key, value]) => this.svg.setAttribute(key, value));
    this.lit = drawn("g", {});
    this.row = drawn("g", {});
    this.svg.replaceChildren(this.days(wide), this.axis(), this.lines(), this.map(), this.lit, this.row);
    this.light();
  }

  days(wide) {
    const made = drawn("g", { class: "days" }), below = this.top(0) - SPACE.calendar, end = this.top(this.data.forecast ? this.data.came.length : 0);
    let free = -1;
    this.data.days.forEach(({ at, day, name, rest }, number) => {
      const x = SPACE.left + at * this.each, next = this.data.days[number + 1]?.at ?? this.steps;
      if (rest) made.append(drawn("rect", { x, y: below + 2, width: (next - at) * this.each, height: SPACE.calendar - 6, class: "rest" }));
      made.append(drawn("line", { x1: x, x2: x, y1: SPACE.top, y2: end, class: "boundary" }));
      if (x < free || (next - at) * this.each < 18) return;
      made.append(drawn("text", { x: x + 3, y: below + 14 }, day), drawn("text", { x: x + 3, y: below + 27, class: "faint" }, name));
      free = x + 8 + 6.2 * Math.max(day.length, name.length);
    });
    const now = SPACE.left + this.data.past.length * this.each;
    made.append(drawn("line", { x1: now, x2: now, y1: SPACE.top, y2: end, class: "now" }));
    return made;
  }

  axis() {
    const made = drawn("g", { class: "axis" }), right = SPACE.left + this.steps * this.each;
    marks(this.low, this.high).forEach((value) => {
      const y = this.y(value);
      made.append(drawn("line", { x1: SPACE.left, x2: right, y1: y, y2: y, class: "grid" }));
      made.append(drawn("text", { x: SPACE.left - 5, y: y + 4, "text-anchor": "end" }, plainly(value)));
    });
    return made;
  }

  path(values, from) {
    let said = "", pen = false;
    values.forEach((value, step) => {
      if (value !== null) said += `${pen ? "L" : "M"}${this.x(from + step).toFixed(1)} ${this.y(value).toFixed(1)}`;
      pen = value !== null;
    });
    return said || "M0 0";
  }

  lines() {
    const { data } = this, past = data.past.length, made = drawn("g", {});
    data.hidden.forEach((gone, step) => {
      if (!gone || data.hidden[step - 1]) return;
      const next = data.hidden.indexOf(false, step), width = ((next < 0 ? past : next) - step) * this.each;
      made.append(drawn("rect", { x: this.x(step) - this.each / 2, y: SPACE.top, width, height: SPACE.plot, class: "gone" }));
    });
    if (data.forecast) {
      const down = data.low.map((value, step) => [this.x(past + step), this.y(value)]).reverse();
      made.append(drawn("path", { d: `${this.path(data.high, past)}L${down.map((one) => one.map((n) => n.toFixed(1)).join(" ")).join("L")}Z`, class: "interval" }));
      if (data.before.length) made.append(drawn("path", { d: this.path(data.before, past), class: "before" }));
      made.append(drawn("path", { d: this.path(data.mid, past), class: "mid" }));
    }
    made.append(drawn("path", { d: this.path(data.was, 0), class: "was" }), drawn("path", { d: this.path(data.past, 0), class: "past" }), drawn("path", { d: this.path(data.came, past), class: "came" }));
    data.came.forEach((value, step) => value !== null && made.append(drawn("circle", { cx: this.x(past + step), cy: this.y(value), r: 1.8, class: "came-dot" })));
    return made;
  }

  map() {
    const made = drawn("g", {});
    if (!this.data.forecast) return made;
    const { past, came } = this.data, high = came.length * SPACE.row;
    made.append(drawn("image", { href: this.image(past.length, came.length, this.weights), x: SPACE.left, y: this.top(0), width: past.length * this.each, height: high, preserveAspectRatio: "none", class: "map" }));
    made.append(drawn("rect", { x: SPACE.left, y: this.top(0), width: past.length * this.each, height: high, class: "frame" }));
    came.forEach((_, row) => {
      if (row % this.data.every === 0) made.append(drawn("text", { x: SPACE.left - 5, y: this.top(row) + 9, "text-anchor": "end" }, this.data.rows[row]));
    });
    return made;
  }

  // What a row's full colour stands for: its largest weight, or four times an even one.
  most(some) { return Math.max(...some, EVEN / some.length); }

  // A map as an image of a pixel a pair.
  image(columns, rows, weights, full) {
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    canvas.width = columns;
    canvas.height = rows;
    const pixels = pen.createImageData(columns, rows), ink = this.data.dark ? [147, 203, 240] : [23, 79, 138];
    for (let row = 0; row < rows; row += 1) {
      const some = weights.slice(row * columns, (row + 1) * columns), most = full ?? this.most(some);
      some.forEach((one, column) => pixels.data.set([...ink, Math.round(255 * (one / most) ** 0.7)], 4 * (row * columns + column)));
    }
    pen.putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  }

  get shown() { return this.over ?? this.at ?? this.data.picked; }

  light() {
    const { data } = this;
    if (!data?.forecast) { this.quiet(); return; }
    const row = this.shown, past = data.past.length, weights = this.weights.slice(row * past, (row + 1) * past), most = this.most(weights);
    const made = weights.flatMap((weight, step) => {
      const share = weight / most;
      if (data.past[step] === null || share < 0.02) return [];
      const at = [this.x(step), this.y(data.past[step])], near = [step - 1, step + 1].filter((one) => data.past[one] !== undefined && data.past[one] !== null);
      const half = near.map((one) => `M${at.join(" ")}L${(at[0] + this.x(one)) / 2} ${(at[1] + this.y(data.past[one])) / 2}`).join("");
      return [drawn("path", { d: half || `M${at.join(" ")}h0.1`, class: "light", "stroke-width": (1.5 + 11 * share).toFixed(1), opacity: (0.35 + 0.65 * share).toFixed(2) })];
    });
    this.lit.replaceChildren(...made);
    const x = this.x(past + row), mid = this.y(data.mid[row]);
    this.row.replaceChildren(
      drawn("line", { x1: x, x2: x, y1: SPACE.top, y2: SPACE.top + SPACE.plot, class: "asking" }), drawn("circle", { cx: x, cy: mid, r: 5, class: "asking-dot" }),
      drawn("rect", { x: SPACE.left - 1, y: this.top(row) - 0.5, width: past * this.each + 2, height: SPACE.row + 1, class: "asking-row" }),
      drawn("text", { x: SPACE.left + past * this.each + 5, y: this.top(row) + 8, class: "asking-name" }, data.rows[row]),
    );
    this.said.textContent = data.looks[row];
    const say = { "aria-valuemin": 0, "aria-valuemax": data.came.length - 1, "aria-valuenow": row, "aria-valuetext": data.looks[row], "aria-label": data.words.label };
    Object.entries(say).forEach(([key, value]) => this.svg.setAttribute(key, value));
  }

  quiet() {
    this.said.textContent = this.data?.words.quiet ?? "";
    Object.entries({ role: "img", "aria-label": this.data?.words.alt ?? "" }).forEach(([key, value]) => this.svg.setAttribute(key, value));
    this.svg.removeAttribute("tabindex");
  }

  under(event) {
    const box = this.svg.getBoundingClientRect(), scale = box.width / this.svg.viewBox.baseVal.width || 1;
    const [x, y] = [(event.clientX - box.left) / scale, (event.clientY - box.top) / scale], rows = this.data?.came.length ?? 0;
    if (!this.data?.forecast) return null;
    if (y >= this.top(0)) return Math.max(0, Math.min(rows - 1, Math.floor((y - this.top(0)) / SPACE.row)));
    const step = Math.floor((x - SPACE.left) / this.each) - this.data.past.length;
    return step >= 0 && step < rows ? step : null;
  }

  point(row) {
    if (row === this.over) return;
    this.over = row;
    this.light();
  }

  pick(row) {
    if (row === null || !this.data?.forecast) return;
    this.at = row;
    this.light();
    this.say("picked", row);
  }

  type(event) {
    if (!this.data?.forecast || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.shown, last = this.data.came.length - 1;
    const to = { ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, Home: 0, End: last, PageUp: at + 6, PageDown: at - 6 }[event.key];
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.pick(at); return; }
    if (to === undefined) return;
    event.preventDefault();
    this.over = null;
    this.at = Math.max(0, Math.min(last, to));
    this.light();
  }

  small() {
    const { data } = this;
    const focus = [...this.tiles.children].indexOf(this.root.getRootNode().activeElement);
    this.tiles.replaceChildren(...data.tiles.map(({ name, shares, off }, number) => {
      const made = element("button", `tile${number === data.head ? " now" : ""}${off ? " off" : ""}`);
      made.setAttribute("aria-pressed", number === data.head);
      const image = element("img", "");
      image.alt = "";
      image.src = this.image(data.past.length, data.came.length, Array.from(bytes(shares)), 255);
      made.append(image, element("span", "", name));
      made.onclick = () => this.say("head", number);
      return made;
    }));
    this.tiles.setAttribute("role", "group");
    this.tiles.setAttribute("aria-label", data.words.tiles);
    if (focus >= 0) this.tiles.children[focus]?.focus({ preventScroll: true });
  }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".series");
  if (!made.has(root)) made.set(root, new Picture(root));
  made.get(root).update(data, (kind, number) => setTriggerValue(kind, number));
  document.documentElement.dataset.series = "heard";
}
