// A series that lights up where the chosen place looks: the line above, the map of all places below it on the same axis,
// every head small. A place is a stretch of steps: one coming hour, one past hour, a patch of several. Pointing asks no
// server. Thickness carries the weight, so that no hue is needed.
const SPACE = { left: 46, right: 10, top: 8, plot: 210, calendar: 34, bottom: 16 };
const ROWS = { few: 12, high: 14, most: 7, least: 1.5, all: 260 }; // how high a row is: few of them are, many share a height
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
    this.hiding = new Hiding(this);
    this.svg.onkeydown = (event) => this.type(event);
    this.svg.onpointermove = (event) => this.point(this.under(event));
    this.svg.onpointerleave = () => this.point(null);
    this.svg.onclick = (event) => this.pick(this.under(event));
    this.svg.onblur = () => { this.at = this.hiding.marked = null; this.light(); };
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
  y(value) { return SPACE.top + SPACE.plot * (1 - (value - this.low) / (this.most - this.low)); }
  get row() { const { asks } = this.data; return asks.length <= ROWS.few ? ROWS.high : Math.max(ROWS.least, Math.min(ROWS.most, ROWS.all / asks.length)); }
  top(row) { return SPACE.top + SPACE.plot + SPACE.calendar + row * this.row; }
  // The series as it is drawn, past and forecast in one.
  get line() { return [...this.data.past, ...this.data.mid]; }

  lay() {
    const { data } = this, wide = Math.max(280, this.root.clientWidth || 640);
    this.each = (wide - SPACE.left - SPACE.right) / this.steps;
    const all = [data.past, data.came, data.low, data.mid, data.high, data.before].flat().filter((one) => one !== null);
    const span = Math.max(...all) - Math.min(...all) || 1;
    this.low = Math.min(...all) - 0.05 * span;
    if (Math.min(...all) >= 0) this.low = Math.max(0, this.low);
    this.most = Math.max(...all) + 0.06 * span;
    const high = this.top(data.forecast ? data.asks.length : 0) + SPACE.bottom;
    Object.entries({ width: wide, height: high, viewBox: `0 0 ${wide} ${high}` }).forEach(([key, value]) => this.svg.setAttribute(key, value));
    this.lit = drawn("g", {});
    this.asking = drawn("g", {});
    this.svg.replaceChildren(this.days(wide), this.axis(), this.lines(), this.map(), this.lit, this.asking);
    this.light();
  }

  days(wide) {
    const made = drawn("g", { class: "days" }), below = this.top(0) - SPACE.calendar, end = this.top(this.data.forecast ? this.data.asks.length : 0);
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
    if (this.data.came.length) made.append(drawn("line", { x1: now, x2: now, y1: SPACE.top, y2: end, class: "now" }));
    return made;
  }

  axis() {
    const made = drawn("g", { class: "axis" }), right = SPACE.left + this.steps * this.each;
    marks(this.low, this.most).forEach((value) => {
      const y = this.y(value);
      made.append(drawn("line", { x1: SPACE.left, x2: right, y1: y, y2: y, class: "grid" }));
      made.append(drawn("text", { x: SPACE.left - 5, y: y + 4, "text-anchor": "end" }, plainly(value)));
    });
    if (this.data.unit) made.append(drawn("text", { x: SPACE.left + 4, y: SPACE.top + 10, class: "faint" }, this.data.unit));
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
      if (data.low.length && data.low[0] !== null) made.append(drawn("path", { d: `${this.path(data.high, past)}L${down.map((one) => one.map((n) => n.toFixed(1)).join(" ")).join("L")}Z`, class: "interval" }));
      if (data.before.length) made.append(drawn("path", { d: this.path(data.before, past), class: "before" }));
      made.append(drawn("path", { d: this.path(data.mid, past), class: "mid" }));
    }
    made.append(drawn("path", { d: this.path(data.was, 0), class: "was" }), drawn("path", { d: this.path(data.past, 0), class: "past" }), drawn("path", { d: this.path(data.came, past), class: "came" }));
    data.came.forEach((value, step) => value !== null && made.append(drawn("circle", { cx: this.x(past + step), cy: this.y(value), r: 1.8, class: "came-dot" })));
    return made;
  }

  // From where to where the map is drawn.
  get span() { const { edges } = this.data; return [edges[0][0], edges.at(-1)[1]].map((step) => SPACE.left + step * this.each); }

  map() {
    const made = drawn("g", {});
    if (!this.data.forecast) return made;
    const { asks, lazy, rows, every } = this.data, high = asks.length * this.row, [x, right] = this.span;
    made.append(drawn("image", { href: this.fitted(), x, y: this.top(0), width: right - x, height: high, preserveAspectRatio: "none", class: "map" }));
    made.append(drawn("rect", { x, y: this.top(0), width: right - x, height: high, class: "frame" }));
    lazy.forEach((row) => made.append(drawn("line", { x1: x, x2: right, y1: this.top(row) + this.row / 2, y2: this.top(row) + this.row / 2, class: "lazy" })));
    asks.forEach((_, row) => {
      if (row % every === 0) made.append(drawn("text", { x: SPACE.left - 5, y: this.top(row) + Math.max(9, this.row / 2 + 4), "text-anchor": "end" }, rows[row]));
    });
    return made;
  }

  // The map with each column as wide as what it stands for, in half steps.
  fitted() {
    const { edges, cells, asks } = this.data, [first, last] = [edges[0][0], edges.at(-1)[1]], wide = Math.max(1, Math.round(2 * (last - first)));
    const of = Array.from({ length: wide }, (_, n) => edges.findIndex(([from, to]) => first + (n + 0.5) / 2 >= from && first + (n + 0.5) / 2 < to));
    const most = asks.map((_, row) => fullOf(this.weights.slice(row * cells.length, (row + 1) * cells.length)));
    const shares = asks.flatMap((_, row) => of.map((cell) => (cell < 0 ? 0 : this.weights[row * cells.length + cell] / most[row])));
    return this.image(wide, asks.length, shares, 1);
  }

  // A map as an image of a pixel a pair.
  image(columns, rows, shares, full) {
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    canvas.width = columns;
    canvas.height = rows;
    const pixels = pen.createImageData(columns, rows), ink = this.data.dark ? [147, 203, 240] : [23, 79, 138];
    shares.forEach((one, place) => pixels.data.set([...ink, Math.round(255 * (one / full) ** 0.7)], 4 * place));
    pen.putImageData(pixels, 0, 0);
    return canvas.toDataURL();
  }

  get shown() { return this.over ?? this.at ?? this.data.picked; }

  light() {
    const { data } = this;
    if (!data?.forecast) { this.quiet(); return; }
    const row = this.shown, many = data.cells.length, weights = this.weights.slice(row * many, (row + 1) * many), full = fullOf(weights);
    const line = this.line, shares = line.map(() => 0);
    data.cells.forEach(([from, to], cell) => { for (let step = Math.max(0, from); step < Math.min(to, shares.length); step += 1) shares[step] = Math.max(shares[step], weights[cell] / full); });
    this.lit.replaceChildren(...shares.flatMap((share, step) => (line[step] === null || share < 0.02 ? [] : [this.thick(line, step, share)])));
    this.asking.replaceChildren(...this.asks(row), ...this.hiding.drawn());
    const said = this.hiding.marked && !this.hiding.drag ? this.hiding.said : data.looks[row];
    this.said.textContent = said;
    const say = { "aria-valuemin": 0, "aria-valuemax": data.asks.length - 1, "aria-valuenow": row, "aria-valuetext": said, "aria-label": data.words.label };
    Object.entries(say).forEach(([key, value]) => this.svg.setAttribute(key, value));
  }

  // A step of the line, as thick as its share.
  thick(line, step, share) {
    const at = [this.x(step), this.y(line[step])], past = this.data.past.length;
    const near = [step - 1, step + 1].filter((one) => line[one] !== undefined && line[one] !== null && (one < past) === (step < past));
    const half = near.map((one) => `M${at.join(" ")}L${(at[0] + this.x(one)) / 2} ${(at[1] + this.y(line[one])) / 2}`).join("");
    return drawn("path", { d: half || `M${at.join(" ")}h0.1`, class: "light", "stroke-width": (1.5 + 11 * share).toFixed(1), opacity: (0.35 + 0.65 * share).toFixed(2) });
  }

  // The place that looks, on the line and in the map.
  asks(row) {
    const [from, to] = this.data.asks[row], [left, right] = this.span, name = this.data.rows[row], made = [];
    if (to - from > 1) made.push(drawn("rect", { x: SPACE.left + from * this.each, y: SPACE.top, width: (to - from) * this.each, height: SPACE.plot, class: "asking-span" }));
    else {
      const x = this.x(from), value = this.line[from] ?? null;
      made.push(drawn("line", { x1: x, x2: x, y1: SPACE.top, y2: SPACE.top + SPACE.plot, class: "asking" }));
      if (value !== null) made.push(drawn("circle", { cx: x, cy: this.y(value), r: 5, class: "asking-dot" }));
    }
    made.push(drawn("rect", { x: left - 1, y: this.top(row) - 0.5, width: right - left + 2, height: this.row + 1, class: "asking-row" }));
    const room = SPACE.left + this.steps * this.each - right > 40, y = this.top(row) + this.row / 2 + 4.5;
    const beside = room ? { x: right + 5, y } : { x: left - 5, y, "text-anchor": "end" };
    return [...made, drawn("text", { ...beside, class: "asking-name" }, name)];
  }

  quiet() {
    this.said.textContent = this.data?.words.quiet ?? "";
    Object.entries({ role: "img", "aria-label": this.data?.words.alt ?? "" }).forEach(([key, value]) => this.svg.setAttribute(key, value));
    this.svg.removeAttribute("tabindex");
  }

  place(event) {
    const box = this.svg.getBoundingClientRect(), scale = box.width / this.svg.viewBox.baseVal.width || 1;
    return [(event.clientX - box.left) / scale, (event.clientY - box.top) / scale];
  }

  // The step at an event, wherever it is; and where it lies on the line.
  stepAt(event) { return Math.floor((this.place(event)[0] - SPACE.left) / this.each); }
  stepUnder(event) {
    const step = this.stepAt(event), y = this.place(event)[1];
    return y < SPACE.top + SPACE.plot && step >= 0 && step < this.steps ? step : null;
  }

  // The place that is pointed at: a row of the map, or the stretch on the line whose middle is nearest.
  under(event) {
    if (!this.data?.forecast || this.hiding.drag) return null;
    const { asks } = this.data, y = this.place(event)[1];
    if (y >= this.top(0)) return Math.max(0, Math.min(asks.length - 1, Math.floor((y - this.top(0)) / this.row)));
    const step = this.stepUnder(event), far = ([from, to]) => Math.abs((from + to - 1) / 2 - step);
    const found = asks.map((_, row) => row).filter((row) => asks[row][0] <= step && step < asks[row][1]);
    return step === null || !found.length ? null : found.reduce((best, row) => (far(asks[row]) < far(asks[best]) ? row : best));
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
    if (!this.data?.forecast || event.ctrlKey || event.metaKey || event.altKey || this.hiding.type(event)) return;
    const at = this.shown, last = this.data.asks.length - 1;
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
    this.tiles.replaceChildren(...data.tiles.map(({ name, shares, wide, high, off }, number) => {
      const made = element("button", `tile${number === data.head ? " now" : ""}${off ? " off" : ""}`);
      made.setAttribute("aria-pressed", number === data.head);
      const image = element("img", "");
      image.alt = "";
      image.src = this.image(wide, high, Array.from(bytes(shares)), 255);
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
