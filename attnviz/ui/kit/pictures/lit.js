// A picture that lights up, with a bar over it, what it says below and the tiles of all heads beside it. A page's own class
// says what it draws (`draw`, `lay`), which places are under the pointer (`cells`), whether they are now (`grid`), what a
// place is called (`number`), and what pointing at one (`hover`) and clicking on one (`pick`) do.
class Lit {
  constructor(root, { role, paint, wide, high, tile, over = [], above = [], below = [] }) {
    Object.assign(this, { mode: "point", paint, wide, high, tile });
    this.main = element("div", "main");
    this.bar = element("div", "bar");
    this.bar.setAttribute("role", "toolbar");
    this.stage = element("div", "stage");
    this.stage.setAttribute("role", role);
    this.canvas = element("canvas", "");
    this.canvas.setAttribute("role", "img");
    this.stage.append(this.canvas, ...over);
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.main.append(this.bar, ...above, this.stage, this.said, ...below);
    this.heads = element("div", "heads");
    root.replaceChildren(this.main, this.heads);
    this.stage.onpointermove = (event) => this.move(event);
    this.stage.onpointerleave = () => { if (!this.dragged && this.grid) this.point(null); };
    this.stage.onpointerdown = (event) => this.press(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.release(event);
    this.stage.onkeydown = (event) => { if (!event.ctrlKey && !event.metaKey && !event.altKey) this.type(event); };
    hearPastes(this.main, (file) => this.say.pasted(file));
    new ResizeObserver(() => this.data && this.size()).observe(root);
  }

  get grid() { return true; }

  number(place) { return place; }

  drawn(key) { return this.data.boxes[key]; }

  update(data, say) {
    const other = !this.data || this.data.image !== data.image;
    Object.assign(this, { data, say, at: null, over: null, hidden: new Set(data.hidden), tiles: bytes(data.tiles.shares) });
    const raw = bytes(data.weights);
    this.weights = new Uint16Array(raw.buffer, 0, raw.length >> 1);
    this.canvas.setAttribute("aria-label", data.alt);
    this.tools();
    this.lay();
    if (other && data.image) {
      this.image = new Image();
      this.image.onload = () => this.draw();
      this.image.src = data.image;
    }
    this.size();
  }

  // The bar: point or hide, in colour or by a spot; and a way to show all again.
  tools() {
    this.bar.replaceChildren(
      this.choice("mode", "point"), this.choice("mode", "hide"), element("span", "gap"),
      this.choice("paint", "colour"), this.choice("paint", "spot"),
    );
    if (this.hidden.size) this.bar.append(element("span", "gap"), this.act("show_all", () => this.hide(new Set())));
    this.stage.classList.toggle("hiding", this.mode === "hide");
  }

  // A button of the bar that chooses: how one points (`mode`), how the picture is lit (`paint`).
  choice(group, name) {
    const made = this.act(name, () => { this[group] = name; this.tools(); this.draw(); });
    made.title = this.data.words[`${name}_help`] ?? "";
    made.setAttribute("aria-pressed", this[group] === name);
    return made;
  }

  act(name, does) {
    const made = element("button", "", this.data.words[name]);
    made.dataset.name = name;
    made.onclick = does;
    return made;
  }

  // The tiles of all heads; `gone` says of one whether it was taken away.
  layHeads(gone = () => false) {
    const { data } = this, { columns, layers, heads } = data.tiles, grid = element("div", "grid");
    grid.style.gridTemplateColumns = `auto repeat(${columns}, auto)`;
    grid.append(element("span", "name", ""), ...Array.from({ length: columns }, (_, n) => element("span", "name", data.words.head.replace("{n}", n))));
    this.small = [];
    layers.forEach((layer, row) => {
      grid.append(element("span", "name", data.words.layer.replace("{n}", layer)));
      for (let head = 0; head < columns; head++) {
        if (head >= heads[row]) { grid.append(element("span", "name", "")); continue; }
        const made = element("button", "tile", undefined), canvas = element("canvas", "");
        made.append(canvas);
        made.title = filled(gone(layer, head) ? data.words.tile_gone : data.words.tile, { layer, head });
        made.classList.toggle("gone", gone(layer, head));
        made.setAttribute("aria-label", made.title);
        made.setAttribute("aria-pressed", layer === data.open[0] && head === data.open[1]);
        made.onclick = () => this.say.head([layer, head]);
        grid.append(made);
        this.small.push({ canvas, tile: row * columns + head });
      }
    });
    this.heads.replaceChildren(element("div", "title", ""), grid);
  }

  // What the tiles show of the place or query that looks, called `place`; nothing where it is below 0.
  drawHeads(row, place) {
    const { data } = this;
    this.heads.firstChild.textContent = filled(data.words.tiles, { place });
    for (const { canvas, tile } of this.small) {
      const first = (data.tiles.all ? tile * data.queries + row : tile) * data.keys;
      this.lit(canvas, row < 0 ? [] : Array.from({ length: data.keys }, (_, key) => this.tiles[first + key] / 255), true);
    }
  }

  // The picture as large as there is room for; the scale that it is drawn at.
  size() {
    const { data } = this, times = larger(), room = Math.max(120, Math.min(this.wide * times, this.main.parentElement.clientWidth));
    const scale = Math.min(room / data.width, (this.high * times) / data.height), [many, small, usual] = this.tile;
    scaled(this.canvas, [data.width, data.height], scale);
    const tile = (times * (data.tiles.columns > many ? small : usual)) / Math.max(data.width, data.height);
    this.small.forEach(({ canvas }) => scaled(canvas, [data.width, data.height], tile));
    this.sized?.(scale);
    this.draw();
  }

  weight(query, key) {
    const found = this.weights[query * this.data.keys + key];
    return found === NOT ? NaN : (found / FULL) * this.data.top;
  }

  // What full light stands for in a row of weights: the largest that is `drawn`.
  full(row) { return Math.max(...row.map((weight, key) => (this.drawn(key) ? weight || 0 : 0))) || 1; }

  // What each key gets from a query as a share of full light; NaN where it may not look.
  shares(query) {
    const row = Array.from({ length: this.data.keys }, (_, key) => this.weight(query, key)), full = this.full(row);
    return row.map((weight) => weight / full);
  }

  // The three of the places `of` that a query looks at most, by name and weight; "" where it looks at none.
  most(query, names, of = () => true) {
    const order = names.map((_, key) => key).filter((key) => this.weight(query, key) > 0 && of(key));
    order.sort((a, b) => this.weight(query, b) - this.weight(query, a));
    return order.slice(0, 3).map((key) => `${names[key]} ${short(this.weight(query, key))}`).join(this.data.words.comma);
  }

  // The place under the pointer.
  under(event) {
    const box = this.canvas.getBoundingClientRect(), { data } = this;
    const x = ((event.clientX - box.left) / box.width) * data.width, y = ((event.clientY - box.top) / box.height) * data.height;
    const found = this.cells.findIndex((one) => one && x >= one[0] && x < one[2] && y >= one[1] && y < one[3]);
    return found < 0 ? null : found;
  }

  move(event) {
    if (!this.grid) return;
    const place = this.under(event);
    if (!this.dragged) { if (place !== this.over) this.hover(place); return; }
    if (place === null || this.dragged.seen.has(place)) return;
    this.dragged.seen.add(place);
    this.dragged.hides ? this.hidden.add(place) : this.hidden.delete(place);
    this.draw();
  }

  press(event) {
    if (!this.grid) return;
    const place = this.under(event);
    if (event.button !== 0 || place === null) return;
    this.stage.focus({ preventScroll: true });
    this.at = null;
    if (this.mode === "point") { this.pressed = place; return; }
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    this.dragged = { seen: new Set(), hides: !this.hidden.has(place) };
    this.move(event);
  }

  release(event) {
    if (this.dragged) {
      this.dragged = null;
      if (event.type === "pointerup") return this.hide(this.hidden);
      this.hidden = new Set(this.data.hidden);
      return this.draw();
    }
    if (!this.grid) return;
    const place = this.under(event);
    if (event.type === "pointerup" && place !== null && place === this.pressed) this.pick(place);
    this.pressed = null;
  }

  hide(places) {
    this.say.hidden([...places].map((place) => this.number(place)).sort((a, b) => a - b).join(".") || "none");
  }

  // Hide a place, or show it again.
  flip(place) {
    const places = new Set(this.hidden);
    places.has(place) ? places.delete(place) : places.add(place);
    this.hide(places);
  }
}

// Hand a page's data to the `Class` of its picture, made once, and what that says to the server.
const pictures = new WeakMap();
const show = (Class, name, { parentElement, data, setTriggerValue }) => {
  const root = parentElement.querySelector(`.${name}`);
  if (!pictures.has(root)) pictures.set(root, new Class(root));
  pictures.get(root).update(data, Object.fromEntries(
    ["picked", "place", "hidden", "head", "pasted", "done"].map((kind) => [kind, (value) => setTriggerValue(kind, value)]),
  ));
  document.documentElement.dataset[name] = "heard";
};
