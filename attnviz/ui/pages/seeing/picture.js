// A picture that lights up where a place of it looks. The weights of the whole map are here, [query, key], two bytes each,
// 65535 for a pair that may not look; the tiles show every head for one query, or for all. Pointing asks no server.
// (kit/pictures/picture.js stands before it.)
const TILE = 58, WIDE = 380, HIGH = 400, SMALL = 224; // pixels; pictures narrower than SMALL are drawn without blur

class Seen {
  constructor(root) {
    this.mode = "point";
    this.paint = "colour";
    this.main = element("div", "main");
    this.bar = element("div", "bar");
    this.bar.setAttribute("role", "toolbar");
    this.chips = element("div", "chips");
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.canvas = element("canvas", "");
    this.canvas.setAttribute("role", "img");
    this.stage.append(this.canvas);
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.main.append(this.bar, this.chips, this.stage, this.said);
    this.heads = element("div", "heads");
    root.replaceChildren(this.main, this.heads);
    this.stage.onpointermove = (event) => this.move(event);
    this.stage.onpointerleave = () => { if (!this.dragged) this.point(null); };
    this.stage.onpointerdown = (event) => this.press(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.release(event);
    this.stage.onkeydown = (event) => this.type(event);
    this.stage.onblur = () => this.point(null);
    hearPastes(this.main, (file) => this.say.pasted(file));
    new ResizeObserver(() => this.data && this.size()).observe(root);
  }

  update(data, say) {
    const other = !this.data || this.data.image !== data.image;
    this.data = data;
    this.say = say;
    const raw = bytes(data.weights);
    this.weights = new Uint16Array(raw.buffer, 0, raw.length >> 1);
    this.tiles = data.tiles && bytes(data.tiles.shares);
    this.hidden = new Set(data.hidden);
    this.off = new Set(data.off); // not drawn: sinks, where special places are left out
    this.at = this.over = null;
    this.stage.setAttribute("aria-label", data.words.label);
    this.canvas.setAttribute("aria-label", data.alt);
    this.tools();
    this.lay();
    if (other || !this.image) {
      this.image = new Image();
      this.image.onload = () => this.draw();
      this.image.src = data.image;
    }
    this.size();
  }

  tools() {
    const button = (group, name) => {
      const made = element("button", "", this.data.words[name]);
      made.dataset.name = name;
      made.title = this.data.words[`${name}_help`] ?? "";
      made.setAttribute("aria-pressed", this[group] === name);
      made.onclick = () => { this[group] = name; this.tools(); this.draw(); };
      return made;
    };
    this.bar.replaceChildren(
      button("mode", "point"), button("mode", "hide"), element("span", "gap"),
      button("paint", "colour"), button("paint", "spot"),
    );
    if (this.hidden.size) {
      const all = element("button", "", this.data.words.show_all);
      all.dataset.name = "show_all";
      all.onclick = () => this.hide(new Set());
      this.bar.append(element("span", "gap"), all);
    }
    this.stage.classList.toggle("hiding", this.mode === "hide");
  }

  // The chips of places that are no part of the picture, and the tiles of all heads.
  lay() {
    const { data } = this;
    this.buttons = data.chips.map((place) => {
      const made = element("button", "", "");
      made.dataset.place = place;
      made.onmouseenter = made.onfocus = () => this.point(place);
      made.onmouseleave = made.onblur = () => this.point(null);
      made.onclick = () => this.say.picked(this.data.patches[place]);
      return made;
    });
    this.chips.replaceChildren(...this.buttons);
    this.chips.hidden = !this.buttons.length;
    if (!data.tiles) { this.heads.replaceChildren(); return; }
    const grid = element("div", "grid"), columns = data.tiles.columns;
    grid.style.gridTemplateColumns = `auto repeat(${columns}, auto)`;
    grid.append(element("span", "name", ""), ...Array.from({ length: columns }, (_, n) => element("span", "name", data.words.head.replace("{n}", n))));
    this.small = [];
    data.tiles.layers.forEach((layer, row) => {
      grid.append(element("span", "name", data.words.layer.replace("{n}", layer)));
      for (let head = 0; head < columns; head++) {
        if (head >= data.tiles.heads[row]) { grid.append(element("span", "name", "")); continue; }
        const made = element("button", "tile", undefined), canvas = element("canvas", "");
        made.append(canvas);
        made.title = filled(data.words.tile, { layer, head });
        made.setAttribute("aria-label", made.title);
        made.setAttribute("aria-pressed", layer === data.open[0] && head === data.open[1]);
        made.onclick = () => this.say.head([layer, head]);
        grid.append(made);
        this.small.push({ canvas, tile: row * columns + head });
      }
    });
    this.heads.replaceChildren(element("div", "title", ""), grid);
  }

  size() {
    const { data } = this, room = Math.max(120, Math.min(WIDE, this.main.parentElement.clientWidth));
    const scale = Math.min(room / data.width, HIGH / data.height);
    scaled(this.canvas, [data.width, data.height], scale);
    const tile = (data.tiles && data.tiles.columns > 8 ? 40 : TILE) / Math.max(data.width, data.height);
    (data.tiles ? this.small : []).forEach(({ canvas }) => scaled(canvas, [data.width, data.height], tile));
    this.draw();
  }

  weight(query, key) {
    const found = this.weights[query * this.data.keys + key];
    return found === NOT ? NaN : (found / FULL) * this.data.top;
  }

  // What each key gets from a query as a share of the strongest patch that is drawn; NaN where it may not look.
  shares(query) {
    const drawn = this.data.boxes.map((box, key) => (box && !this.off.has(key) ? this.weight(query, key) : 0));
    const most = Math.max(...drawn.map((weight) => weight || 0)) || 1;
    return this.data.boxes.map((_, key) => this.weight(query, key) / most);
  }

  shown() { return this.over ?? this.at ?? this.data.picked; }

  draw() {
    if (!this.data || !this.image?.complete) return;
    const query = this.shown();
    this.lit(this.canvas, this.shares(query), false);
    this.frames(query);
    this.tell(query);
    this.colour(query);
    if (!this.data.tiles) return;
    const all = this.data.tiles.all, keys = this.data.keys, of = all ? query : this.data.picked;
    this.heads.firstChild.textContent = filled(this.data.words.tiles, { place: this.data.names[of] });
    for (const { canvas, tile } of this.small) {
      const first = (all ? tile * this.data.queries + query : tile) * keys;
      this.lit(canvas, Array.from({ length: keys }, (_, key) => this.tiles[first + key] / 255), true);
    }
  }

  lit(canvas, shares, small) {
    const pen = canvas.getContext("2d"), { data } = this;
    pen.globalAlpha = 1;
    pen.imageSmoothingEnabled = data.width >= SMALL && !small;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.image, 0, 0, canvas.width, canvas.height);
    data.boxes.forEach((box, key) => {
      if (!box) return;
      const gone = this.hidden.has(key) || Number.isNaN(shares[key]), share = this.off.has(key) ? 0 : Math.min(1, shares[key] || 0);
      if (gone) return crossOut(pen, laid(box, canvas, data), this.hidden.has(key));
      lightUp(pen, laid(box, canvas, data), share, this.paint);
    });
  }

  frames(query) {
    const pen = this.canvas.getContext("2d"), { data } = this;
    const across = this.canvas.width / data.width, down = this.canvas.height / data.height;
    const framed = (place, colour, dash) => {
      const box = data.boxes[place];
      if (!box) return;
      const rect = [box[0] * across + 1, box[1] * down + 1, (box[2] - box[0]) * across - 2, (box[3] - box[1]) * down - 2];
      for (const [style, width] of [["rgba(255,255,255,.9)", 5], [colour, 2.5]]) {
        pen.strokeStyle = style;
        pen.lineWidth = width;
        pen.setLineDash(dash);
        pen.strokeRect(...rect);
      }
      pen.setLineDash([]);
    };
    data.sinks.forEach((place) => framed(place, "#174f8a", [2, 4]));
    framed(data.picked, "#d9480f", []);
    if (query !== data.picked) framed(query, "#1f2430", [5, 3]);
  }

  colour(query) {
    const { data } = this, shares = this.shares(query);
    this.buttons.forEach((made) => {
      const place = Number(made.dataset.place), weight = this.weight(query, place), off = this.off.has(place);
      made.textContent = `${data.names[place]} ${Number.isNaN(weight) ? "–" : short(weight)}`;
      const share = data.boxes[place] ? shares[place] : weight;
      made.style.background = `rgba(${LIGHT},${(0.7 * Math.min(1, share || 0)).toFixed(3)})`;
      made.className = [place === data.picked && "picked", data.sinks.includes(place) && "sink", off && "off"].filter(Boolean).join(" ");
      made.setAttribute("aria-pressed", place === data.picked);
    });
  }

  tell(query) {
    const { data } = this;
    const order = data.names.map((_, key) => key).filter((key) => this.weight(query, key) > 0 && !this.off.has(key) && (data.boxes[key] || data.chips.includes(key)));
    order.sort((a, b) => this.weight(query, b) - this.weight(query, a));
    const most = order.slice(0, 3).map((key) => `${data.names[key]} ${short(this.weight(query, key))}`).join(data.words.comma);
    const words = [filled(order.length ? data.words.looks : data.words.looks_nowhere, { place: data.names[query], most })];
    if (query !== data.picked) words.push(filled(data.words.gets, { picked: data.names[data.picked], place: data.names[query], weight: short(this.weight(data.picked, query)) }));
    if (this.hidden.has(query)) words.push(data.words.is_hidden);
    this.said.textContent = words.join(" ");
  }

  point(place) {
    if (this.over === place && this.at === null) return;
    this.over = place;
    if (place === null && document.activeElement !== this.stage) this.at = null;
    this.draw();
  }

  // The patch under the pointer; the smallest where patches lie on one another.
  under(event) {
    const box = this.canvas.getBoundingClientRect(), { data } = this;
    const x = ((event.clientX - box.left) / box.width) * data.width, y = ((event.clientY - box.top) / box.height) * data.height;
    const found = data.boxes.findIndex((one) => one && x >= one[0] && x < one[2] && y >= one[1] && y < one[3]);
    return found < 0 ? null : found;
  }

  move(event) {
    const place = this.under(event);
    if (!this.dragged) return place === this.over ? undefined : this.point(place);
    if (place === null || this.dragged.seen.has(place)) return;
    this.dragged.seen.add(place);
    this.dragged.hides ? this.hidden.add(place) : this.hidden.delete(place);
    this.draw();
  }

  press(event) {
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
    const place = this.under(event);
    if (event.type === "pointerup" && place !== null && place === this.pressed) this.say.picked(this.data.patches[place]);
    this.pressed = null;
  }

  hide(places) {
    const numbers = [...places].map((place) => this.data.patches[place]).sort((a, b) => a - b);
    this.say.hidden(numbers.join(".") || "none");
  }

  type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    const here = this.at ?? this.data.picked;
    if (step) this.at = nextBox(this.data.boxes, here, step, [this.data.width, this.data.height]);
    else if (event.key === "Home") this.at = this.data.chips.find((place) => !this.data.boxes[place]) ?? here;
    else if (event.key === "Enter") { event.preventDefault(); return this.say.picked(this.data.patches[here]); }
    else if (event.key === " " && this.data.boxes[here]) {
      event.preventDefault();
      const places = new Set(this.hidden);
      places.has(here) ? places.delete(here) : places.add(here);
      return this.hide(places);
    } else return;
    event.preventDefault();
    this.over = null;
    this.draw();
  }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".seeing");
  if (!made.has(root)) made.set(root, new Seen(root));
  made.get(root).update(data, {
    picked: (place) => setTriggerValue("picked", place),
    hidden: (places) => setTriggerValue("hidden", places),
    head: (place) => setTriggerValue("head", place),
    pasted: (file) => setTriggerValue("pasted", file),
  });
  document.documentElement.dataset.seeing = "heard";
}
