// Boxes on a picture, and where the query of each looked, which others it asked, or where a place of the picture looks.
// The weights of the map are here, [query, key], two bytes each; the tiles show every head. Pointing asks no server.
// (kit/pictures/picture.js stands before it.)
const TILE = 52, WIDE = 460, HIGH = 420, LETTER = 6.4, WORD = 11.5; // pixels
const DARKEST = 0.66; // of a place that gets nothing, under a spotlight: boxes still stand on something
const DOT = 7, LINE = 9; // the radius of a query that is asked with all weight, and how wide the line to it is
const HUES = ["#a3381b", "#1f5fa8", "#3f6f1f", "#7a3ba0", "#8a5a00", "#0b6e6e", "#9c2a66", "#4a4f5c"];
const MARKS = { hit: "✓ ", twice: "2× ", nothing: "? ", missed: "✗ ", "": "" };

class Finder {
  constructor(root) {
    this.mode = "point";
    this.paint = "spot";
    this.main = element("div", "main");
    this.bar = element("div", "bar");
    this.bar.setAttribute("role", "toolbar");
    this.stage = element("div", "stage");
    this.stage.setAttribute("role", "group");
    this.canvas = element("canvas", "");
    this.canvas.setAttribute("role", "img");
    this.layer = element("div", "boxes");
    this.stage.append(this.canvas, this.layer);
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.legend = element("div", "legend");
    this.main.append(this.bar, this.stage, this.said, this.legend);
    this.heads = element("div", "heads");
    root.replaceChildren(this.main, this.heads);
    this.stage.onpointermove = (event) => this.move(event);
    this.stage.onpointerleave = () => { if (!this.dragged && this.grid) this.point(null); };
    this.stage.onpointerdown = (event) => this.press(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.release(event);
    this.stage.onkeydown = (event) => this.type(event);
    this.stage.onblur = () => { this.at = null; if (this.data) this.draw(); };
    hearPastes(this.main, (file) => this.say.pasted(file));
    new ResizeObserver(() => this.data && this.size()).observe(root);
  }

  // Is it places of the picture that are pointed at, not boxes?
  get grid() { return this.mode === "hide" || this.data.view === "places"; }

  // The box that has the keyboard, by its query.
  get focused() {
    const held = this.layer.getRootNode().activeElement;
    return this.layer.contains(held) ? Number(held.dataset.slot) : undefined;
  }

  update(data, say) {
    const other = !this.data || this.data.image !== data.image, focused = this.focused !== undefined;
    this.data = data;
    this.say = say;
    const raw = bytes(data.weights);
    this.weights = new Uint16Array(raw.buffer, 0, raw.length >> 1);
    this.tiles = bytes(data.tiles.shares);
    this.hidden = new Set(data.hidden);
    this.at = this.over = null;
    this.canvas.setAttribute("aria-label", data.alt);
    this.tools();
    this.lay();
    if (other || !this.image) {
      this.image = new Image();
      this.image.onload = () => this.draw();
      this.image.src = data.image;
    }
    this.size();
    if (focused) this.layer.querySelector(`[data-slot="${data.picked}"]`)?.focus({ preventScroll: true });
  }

  tools() {
    const { words } = this.data;
    const button = (group, name) => {
      const made = element("button", "", words[name]);
      made.dataset.name = name;
      made.title = words[`${name}_help`] ?? "";
      made.setAttribute("aria-pressed", this[group] === name);
      made.onclick = () => { this[group] = name; this.tools(); this.draw(); };
      return made;
    };
    const act = (name, does) => {
      const made = element("button", "", words[name]);
      made.dataset.name = name;
      made.onclick = does;
      return made;
    };
    this.bar.replaceChildren(
      button("mode", "point"), button("mode", "hide"), element("span", "gap"),
      button("paint", "spot"), button("paint", "colour"), element("span", "gap"),
    );
    if (this.hidden.size) this.bar.append(act("show_all", () => this.hide(new Set())));
    this.bar.append(act("save", () => this.save()));
    this.stage.classList.toggle("grid", this.grid);
    this.stage.classList.toggle("hiding", this.mode === "hide");
    this.stage.tabIndex = this.grid ? 0 : -1;
    this.stage.setAttribute("aria-label", words[this.grid ? "label_grid" : "label"]);
  }

  // The boxes, small ones over large ones, and the tiles of all heads.
  lay() {
    const { data } = this, shown = data.things.filter((thing) => thing.shown);
    this.buttons = shown.map((thing) => {
      const made = element("button", "box"), name = element("span", "name", "");
      made.dataset.slot = thing.slot;
      made.style.setProperty("--hue", HUES[thing.label % HUES.length]);
      made.append(name);
      made.classList.add(thing.mark || "plain");
      made.setAttribute("aria-label", thing.said);
      made.onmouseenter = made.onfocus = () => this.point(thing.slot);
      made.onmouseleave = made.onblur = () => this.point(null);
      made.onclick = () => this.say.picked(thing.slot);
      return { made, name, thing };
    });
    const ghosts = data.ghosts.map((ghost) => {
      const made = element("div", `ghost ${ghost.mark || "plain"}`), name = element("span", "name", ghost.mark === "missed" ? MARKS.missed : "");
      made.dataset.of = ghost.of;
      made.append(name);
      return { made, name: null, thing: ghost };
    });
    this.placed = [...ghosts, ...this.buttons];
    const area = ({ thing: { box } }) => (box[2] - box[0]) * (box[3] - box[1]);
    this.placed.slice().sort((a, b) => area(b) - area(a)).forEach((one, order) => { one.made.style.zIndex = order + 1; });
    this.layer.replaceChildren(...this.placed.map((one) => one.made));
    this.legend.replaceChildren(...data.legend.map(({ mark, text }) => {
      const line = element("span", "", "");
      line.append(element("b", mark, (MARKS[mark] ?? (mark === "before" ? "···" : "┄")).trim()), ` ${text}`);
      return line;
    }));
    this.layHeads();
  }

  layHeads() {
    const { data } = this, { columns, layers, heads } = data.tiles, grid = element("div", "grid");
    grid.style.gridTemplateColumns = `auto repeat(${columns}, auto)`;
    grid.append(element("span", "name", ""), ...Array.from({ length: columns }, (_, n) => element("span", "name", data.words.head.replace("{n}", n))));
    this.small = [];
    layers.forEach((layer, row) => {
      grid.append(element("span", "name", data.words.layer.replace("{n}", layer)));
      for (let head = 0; head < columns; head++) {
        if (head >= heads[row]) { grid.append(element("span", "name", "")); continue; }
        const made = element("button", "tile", undefined), canvas = element("canvas", "");
        const gone = data.without.some(([one, two]) => one === layer && two === head);
        made.append(canvas);
        made.title = filled(gone ? data.words.tile_gone : data.words.tile, { layer, head });
        made.classList.toggle("gone", gone);
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
    const tile = (data.tiles.columns > 4 ? 44 : TILE) / Math.max(data.width, data.height);
    this.small.forEach(({ canvas }) => scaled(canvas, [data.width, data.height], tile));
    for (const { made, name, thing } of this.placed) {
      const [left, top, right, bottom] = thing.box.map((side, n) => Math.min(Math.max(side, 0), n % 2 ? data.height : data.width) * scale);
      Object.assign(made.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
      if (name) name.textContent = this.named(thing, right - left);
    }
    this.draw();
  }

  // As much of a name as its box has room for.
  named(thing, wide) {
    const share = `${Math.round(100 * thing.confidence)}`, mark = MARKS[thing.mark] ?? "";
    const long = (text) => [...text].reduce((sum, letter) => sum + (letter > "⺀" ? WORD : LETTER), 6);
    return [`${mark}${thing.name} ${share}`, `${mark}${[...thing.name][0]} ${share}`, `${mark}${share}`].find((text) => long(text) <= wide) ?? mark.trim();
  }

  weight(query, key) {
    const found = this.weights[query * this.data.keys + key];
    return found === NOT ? NaN : (found / FULL) * this.data.top;
  }

  shares(query) {
    const row = Array.from({ length: this.data.keys }, (_, key) => this.weight(query, key));
    const most = Math.max(...row.map((weight, key) => (this.data.boxes[key] ? weight || 0 : 0))) || 1;
    return row.map((weight) => weight / most);
  }

  // Who looks: a box's query, or a place of the picture.
  shown() {
    const { data } = this, own = data.view === "places" ? data.place : data.picked;
    if (this.mode === "hide" && data.view !== "places") return own;
    return this.over ?? (data.view === "places" ? this.at : null) ?? own;
  }

  draw() {
    if (!this.data || !this.image?.complete) return;
    const { data } = this, query = this.shown();
    this.lit(this.canvas, query < 0 ? [] : this.shares(query), false);
    this.marks(query);
    this.tell(query);
    const of = data.view === "places" || query < 0 ? null : data.things[query].of;
    for (const ghost of this.layer.querySelectorAll(".ghost.hit")) ghost.hidden = !data.every && Number(ghost.dataset.of) !== of;
    for (const { made, thing } of this.buttons) {
      made.classList.toggle("picked", data.view !== "places" && thing.slot === data.picked);
      made.classList.toggle("shown", data.view !== "places" && thing.slot === query);
      made.setAttribute("aria-pressed", thing.slot === data.picked);
    }
    const all = data.tiles.all, row = all ? query : data.view === "places" ? data.place : data.picked;
    this.heads.firstChild.textContent = filled(data.words.tiles, { place: this.name(row) });
    for (const { canvas, tile } of this.small) {
      const first = (all ? tile * data.queries + row : tile) * data.keys;
      this.lit(canvas, row < 0 ? [] : Array.from({ length: data.keys }, (_, key) => this.tiles[first + key] / 255), true);
    }
  }

  name(query) {
    const { data } = this;
    if (query < 0) return data.words.nobody;
    return data.view === "places" ? data.places[query] : data.things[query].called;
  }

  lit(canvas, shares, small) {
    const pen = canvas.getContext("2d"), { data } = this;
    pen.imageSmoothingEnabled = true;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.image, 0, 0, canvas.width, canvas.height);
    if (data.view === "asks") {
      pen.fillStyle = "rgba(0,0,0,0.35)";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      this.dots(pen, canvas, shares, small);
      return this.covers(pen, canvas);
    }
    data.boxes.forEach((box, key) => {
      if (!box || !shares.length) return;
      const gone = Number.isNaN(shares[key]);
      if (gone && !this.hidden.has(key)) return crossOut(pen, laid(box, canvas, data), false);
      lightUp(pen, laid(box, canvas, data), Math.min(1, shares[key] || 0), this.paint, DARKEST);
    });
    this.covers(pen, canvas);
  }

  covers(pen, canvas) {
    for (const place of this.hidden) if (this.data.grid[place]) crossOut(pen, laid(this.data.grid[place], canvas, this.data), true);
  }

  // Queries in the middle of their boxes, larger the more they are asked.
  dots(pen, canvas, shares, small) {
    const { data } = this, dense = canvas.width / data.width, unit = canvas.width / (parseFloat(canvas.style.width) || 1);
    data.boxes.forEach((box, key) => {
      const share = Math.min(1, shares[key] || 0), [x, y] = middle(box).map((side) => side * dense);
      pen.beginPath();
      pen.arc(x, y, Math.max(1, (small ? 0.4 : 1) * unit * (1 + DOT * share)), 0, 2 * Math.PI);
      pen.fillStyle = `rgba(${LIGHT},${(0.2 + 0.8 * share).toFixed(3)})`;
      pen.fill();
    });
  }

  // Lines to the queries that are asked; the place that looks.
  marks(query) {
    const pen = this.canvas.getContext("2d"), { data } = this, unit = Math.min(2, devicePixelRatio || 1);
    if (query < 0) return;
    if (data.view === "asks") {
      const shares = this.shares(query), [x, y] = middle(data.things[query].box);
      const dense = this.canvas.width / data.width;
      pen.lineCap = "round";
      data.boxes.forEach((box, key) => {
        if (key === query || !(shares[key] > 0.03)) return;
        const to = middle(box);
        pen.strokeStyle = `rgba(${LIGHT},${(0.2 + 0.7 * shares[key]).toFixed(3)})`;
        pen.lineWidth = Math.max(1, LINE * shares[key]) * unit;
        pen.beginPath();
        pen.moveTo(x * dense, y * dense);
        pen.lineTo(to[0] * dense, to[1] * dense);
        pen.stroke();
      });
      pen.strokeStyle = "#fff";
      pen.lineWidth = 2 * unit;
      pen.beginPath();
      pen.arc(x * dense, y * dense, 6 * unit, 0, 2 * Math.PI);
      pen.stroke();
    }
    const cursor = this.mode === "hide" ? this.at ?? this.over : data.view === "places" ? query : null;
    if (cursor !== null && data.grid[cursor]) {
      const [left, top, right, bottom] = laid(data.grid[cursor], this.canvas, data);
      for (const [style, width] of [["#1f2430", 5 * unit], ["#fff", 2 * unit]]) {
        pen.strokeStyle = style;
        pen.lineWidth = width;
        pen.strokeRect(left, top, right - left, bottom - top);
      }
    }
  }

  // Which share of a query's look lies in its box? A place counts by the part of it that the box covers.
  inside(query) {
    const { data } = this, [left, top, right, bottom] = data.things[query].box;
    let own = 0, all = 0;
    data.boxes.forEach((box, key) => {
      const weight = this.weight(query, key);
      if (!box || !(weight > 0)) return;
      const wide = Math.min(right, box[2]) - Math.max(left, box[0]), high = Math.min(bottom, box[3]) - Math.max(top, box[1]);
      all += weight;
      if (wide > 0 && high > 0) own += (weight * wide * high) / ((box[2] - box[0]) * (box[3] - box[1]));
    });
    return all > 0 ? own / all : NaN;
  }

  area(box) {
    const { width, height } = this.data, [left, top, right, bottom] = box.map((side, n) => Math.min(Math.max(side, 0), n % 2 ? height : width));
    return ((right - left) * (bottom - top)) / (width * height);
  }

  tell(query) {
    const { data } = this, { words } = data, percent = (share) => (Number.isNaN(share) ? "–" : `${(100 * share).toFixed(1)}%`);
    if (query < 0) { this.said.textContent = words.none; return; }
    const names = data.view === "asks" ? data.things.map((thing) => thing.called) : data.places;
    const order = names.map((_, key) => key).filter((key) => this.weight(query, key) > 0);
    order.sort((a, b) => this.weight(query, b) - this.weight(query, a));
    const most = order.slice(0, 3).map((key) => `${names[key]} ${short(this.weight(query, key))}`).join(words.comma);
    const place = this.name(query), said = [];
    if (!order.length) said.push(filled(words.looks_nowhere, { place }));
    else if (data.view === "looks") said.push(filled(words.inside, { place, share: percent(this.inside(query)), area: percent(this.area(data.things[query].box)), map: data.map }));
    else said.push(filled(data.view === "asks" ? words.asks : words.looks, { place, most }));
    const mark = data.view !== "places" && words[`mark_${data.things[query].mark}`];
    if (mark) said.push(mark);
    this.said.textContent = said.join(" ");
  }

  point(query) {
    if (this.mode === "hide" || this.over === query) return;
    this.over = query;
    this.draw();
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect(), { data } = this;
    const x = ((event.clientX - box.left) / box.width) * data.width, y = ((event.clientY - box.top) / box.height) * data.height;
    const found = data.grid.findIndex((one) => one && x >= one[0] && x < one[2] && y >= one[1] && y < one[3]);
    return found < 0 ? null : found;
  }

  move(event) {
    if (!this.grid) return;
    const place = this.under(event);
    if (!this.dragged) {
      if (this.mode === "hide" || place === this.over) return;
      this.at = null;
      return this.point(place);
    }
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
    if (event.type === "pointerup" && place !== null && place === this.pressed) this.say.place(place);
    this.pressed = null;
  }

  hide(places) { this.say.hidden([...places].sort((a, b) => a - b).join(".") || "none"); }

  type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key], size = [this.data.width, this.data.height];
    if (!this.grid) {
      const slot = this.focused;
      if (!step || slot === undefined) return;
      event.preventDefault();
      const boxes = this.data.things.map((thing) => (thing.shown ? thing.box : null));
      this.layer.querySelector(`[data-slot="${nextBox(boxes, slot, step, size)}"]`)?.focus({ preventScroll: true });
      return;
    }
    const here = this.at ?? (this.data.view === "places" ? this.data.place : Math.floor(this.data.grid.length / 2));
    if (step) this.at = this.at === null && this.mode === "hide" && this.data.view !== "places" ? here : nextBox(this.data.grid, here, step, size);
    else if (event.key === "Enter" && this.data.view === "places") { event.preventDefault(); return this.say.place(here); }
    else if (event.key === " " && this.data.grid[here]) {
      event.preventDefault();
      const places = new Set(this.hidden);
      places.has(here) ? places.delete(here) : places.add(here);
      return this.hide(places);
    } else return;
    event.preventDefault();
    this.over = null;
    this.draw();
  }

  // The picture as it is on the screen, with its boxes, as a file.
  save() {
    const { data } = this, sheet = element("canvas", ""), pen = sheet.getContext("2d");
    sheet.width = this.canvas.width;
    sheet.height = this.canvas.height;
    pen.drawImage(this.canvas, 0, 0);
    const unit = sheet.width / parseFloat(this.canvas.style.width);
    pen.font = `${11 * unit}px sans-serif`;
    for (const { made, name, thing } of this.placed) {
      if (made.hidden) continue;
      const [left, top, right, bottom] = laid(thing.box, sheet, data), text = name ? name.textContent : MARKS.missed;
      pen.setLineDash(name ? [] : [5 * unit, 4 * unit]);
      for (const [style, width] of [["#fff", 4 * unit], [name ? HUES[thing.label % HUES.length] : "#1f2430", 2 * unit]]) {
        pen.strokeStyle = style;
        pen.lineWidth = width;
        pen.strokeRect(left, top, right - left, bottom - top);
      }
      if (!name && thing.mark !== "missed") continue;
      pen.fillStyle = name ? HUES[thing.label % HUES.length] : "#1f2430";
      pen.fillRect(left, top, pen.measureText(text).width + 6 * unit, 15 * unit);
      pen.fillStyle = "#fff";
      pen.fillText(text, left + 3 * unit, top + 11.5 * unit);
    }
    const link = element("a", "");
    link.href = sheet.toDataURL("image/png");
    link.download = data.file;
    link.click();
  }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".finding");
  if (!made.has(root)) made.set(root, new Finder(root));
  made.get(root).update(data, Object.fromEntries(
    ["picked", "place", "hidden", "head", "pasted"].map((name) => [name, (value) => setTriggerValue(name, value)]),
  ));
  document.documentElement.dataset.finding = "heard";
}
