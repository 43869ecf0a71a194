// A long text as tokens, of which only the lines in sight are in the page. Weights are those of one query (or key), a byte
// each: the share of the largest. Clicking a token asks the server for the weights of that one.
const LINE = 29 / 16, SPARE = 4, PAD = 8; // a line in rem; lines drawn above and below what is seen; pixels around a label
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};
// A weight; a small one as people write it: 1.2×10⁻⁴.
const plainly = (weight) => (weight >= 0.001 || weight === 0 ? weight.toFixed(4) : weight.toExponential(1).replace(/e-(\d+)/, (_, power) => `×10⁻${[...power].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("")}`));
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

class Text {
  constructor(root) {
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.box = element("div", "box");
    this.box.tabIndex = 0;
    this.box.setAttribute("role", "listbox");
    this.sheet = element("div", "sheet");
    this.box.append(this.sheet);
    root.replaceChildren(this.said, this.box);
    this.pen = document.createElement("canvas").getContext("2d");
    this.drawn = new Map();
    this.at = 0; // where the keyboard stands
    this.box.onscroll = () => this.draw();
    this.box.onkeydown = (event) => this.type(event);
    new ResizeObserver(() => { if (this.data && this.box.clientWidth !== this.width) this.lay(); }).observe(this.box);
  }

  update(data, say) {
    const other = !this.data || this.data.labels !== data.labels;
    const moved = other || this.data.picked !== data.picked;
    this.data = data;
    this.say = say;
    this.weights = bytes(data.weights);
    this.marked = new Set(data.hits.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => first + n)));
    this.special = new Set(data.special);
    this.box.setAttribute("aria-label", data.words.label);
    this.box.dir = data.rightToLeft ? "rtl" : "ltr";
    if (other) {
      this.labels = data.labels.split("\n");
      this.lay();
    }
    if (moved) { this.at = data.picked; this.show(data.picked); }
    this.draw(true);
    this.tell(data.picked);
  }

  // Which tokens stand in which line, by their widths.
  lay() {
    this.width = this.box.clientWidth;
    this.pen.font = getComputedStyle(this.box).font;
    this.high = LINE * parseFloat(getComputedStyle(document.documentElement).fontSize);  // a projector's are larger
    const widths = new Map(), room = Math.max(this.width - 16, 60);
    this.lines = [];
    this.line = new Uint32Array(this.labels.length);
    let start = 0, x = 0;
    this.labels.forEach((label, place) => {
      if (!widths.has(label)) widths.set(label, Math.min(Math.ceil(this.pen.measureText(label).width) + PAD, room));
      const wide = widths.get(label);
      if (x + wide > room && place > start) { this.lines.push([start, place]); start = place; x = 0; }
      x += wide;
      this.line[place] = this.lines.length;
    });
    this.lines.push([start, this.labels.length]);
    this.sheet.style.height = `${this.lines.length * this.high}px`;
    this.draw(true);
  }

  draw(anew = false) {
    if (!this.lines) return;
    if (anew) { this.drawn.forEach((line) => line.remove()); this.drawn.clear(); }
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.high) - SPARE);
    const last = Math.min(this.lines.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.high) + SPARE);
    this.drawn.forEach((line, number) => {
      if (number < first || number >= last) { line.remove(); this.drawn.delete(number); }
    });
    for (let number = first; number < last; number++) if (!this.drawn.has(number)) this.write(number);
  }

  write(number) {
    const line = element("div", "line");
    line.style.top = `${number * this.high}px`;
    const [start, end] = this.lines[number];
    for (let place = start; place < end; place++) line.append(this.token(place));
    this.drawn.set(number, line);
    this.sheet.append(line);
  }

  token(place) {
    const made = element("span", "token", this.labels[place]);
    made.id = `token-${place}`;
    made.dir = "auto";
    made.dataset.place = place;
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", place === this.data.picked);
    made.classList.toggle("special", this.special.has(place));
    made.classList.toggle("picked", place === this.data.picked);
    made.classList.toggle("hit", this.marked.has(place));
    made.classList.toggle("at", place === this.at && place !== this.data.picked);
    made.style.background = `rgba(75, 151, 204, ${Math.sqrt(this.weights[place] / 255).toFixed(3)})`;
    made.onmouseenter = () => this.tell(place);
    made.onclick = () => this.say(place);
    return made;
  }

  // What the line above the text says of a token.
  tell(place) {
    const weight = (this.weights[place] / 255) * this.data.top;
    const [first, last] = [this.labels[this.data.picked], this.labels[place]];
    const [query, key] = this.data.follow === "query" ? [first, last] : [last, first];
    const words = place === this.data.picked ? this.data.words.picked : this.data.words.look;
    const filled = { query, key, place, picked: this.data.picked, token: last, weight: plainly(weight) };
    this.said.textContent = words.replace(/\{(\w+)\}/g, (_, name) => filled[name]);
  }

  show(place) {
    const top = this.line[place] * this.high, { scrollTop, clientHeight } = this.box;
    if (top < scrollTop || top + this.high > scrollTop + clientHeight) this.box.scrollTop = Math.max(0, top - clientHeight / 2 + this.high / 2);
  }

  type(event) {
    const down = { ArrowUp: -1, ArrowDown: 1, PageUp: -6, PageDown: 6 }[event.key];
    const next = this.data.rightToLeft ? -1 : 1;
    let to = { ArrowLeft: this.at - next, ArrowRight: this.at + next, Home: 0, End: this.labels.length - 1 }[event.key];
    if (down) {
      const line = Math.max(0, Math.min(this.lines.length - 1, this.line[this.at] + down));
      const [start, end] = this.lines[line];
      to = Math.min(start + this.at - this.lines[this.line[this.at]][0], end - 1);
    }
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); return this.say(this.at); }
    if (to === undefined) return;
    event.preventDefault();
    this.at = Math.max(0, Math.min(this.labels.length - 1, to));
    this.box.setAttribute("aria-activedescendant", `token-${this.at}`);
    this.show(this.at);
    this.draw(true);
    this.tell(this.at);
  }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".long");
  if (!made.has(root)) made.set(root, new Text(root));
  made.get(root).update(data, (place) => setTriggerValue("picked", place));
}
