// Boxes on a picture, and where the query of each looked, which others it asked, or where a place of the picture looks.
// The weights of the map are here, [query, key], two bytes each; the tiles show every head. Pointing asks no server.
// (kit/pictures/picture.js and lit.js and points.js stand before it.)
const LETTER = 6.4, WORD = 11.5; // pixels
const DARKEST = 0.66; // of a place that gets nothing, under a spotlight: boxes still stand on something
const DOT = 7, LINE = 9; // the radius of a query that is asked with all weight, and how wide the line to it is
const HUES = ["#a3381b", "#1f5fa8", "#3f6f1f", "#7a3ba0", "#8a5a00", "#0b6e6e", "#9c2a66", "#4a4f5c"];
const MARKS = { hit: "✓ ", twice: "2× ", nothing: "? ", missed: "✗ ", "": "", level1: "●", level2: "■", level3: "▲", level4: "⬢", level5: "⬟" };

class Finder extends Pointed {
  constructor(root) {
    const layer = element("div", "boxes"), legend = element("div", "legend");
    super(root, { role: "group", paint: "spot", wide: 460, high: 420, tile: [4, 44, 52], over: [layer], below: [legend] });
    Object.assign(this, { layer, legend });
    this.stage.onblur = () => { this.at = null; if (this.data) this.draw(); };
  }

  // What lies under the pointer: places that can be hidden, or those that look.
  get cells() { return (this.mode === "hide" ? null : this.data.cells) ?? this.data.grid; }

  pick(place) { this.say.place(place); }

  hover(place) {
    if (this.mode === "hide") return;
    this.at = null;
    this.point(place);
  }

  // Is it places of the picture that are pointed at, not boxes?
  get grid() { return this.mode === "hide" || this.data.view === "places"; }

  // The box that has the keyboard, by its query.
  get focused() {
    const held = this.layer.getRootNode().activeElement;
    return this.layer.contains(held) ? Number(held.dataset.slot) : undefined;
  }

  update(data, say) {
    const focused = this.focused !== undefined;
    super.update(data, say);
    if (focused) this.layer.querySelector(`[data-slot="${data.picked}"]`)?.focus({ preventScroll: true });
  }

  tools() {
    const { words } = this.data;
    if (this.data.cells) this.at = null; // which may be a place of the other grid
    this.bar.replaceChildren(
      this.choice("mode", "point"), this.choice("mode", "hide"), element("span", "gap"),
      ...(this.spots ? [] : [this.choice("paint", "spot"), this.choice("paint", "colour"), element("span", "gap")]),
    );
    if (this.hidden.size) this.bar.append(this.act("show_all", () => this.hide(new Set())));
    this.bar.append(this.act("save", () => this.save()));
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
    this.layHeads((layer, head) => data.without.some(([one, two]) => one === layer && two === head));
  }

  sized(scale) {
    const { data } = this;
    for (const { made, name, thing } of this.placed) {
      const [left, top, right, bottom] = thing.box.map((side, n) => Math.min(Math.max(side, 0), n % 2 ? data.height : data.width) * scale);
      Object.assign(made.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
      if (name) name.textContent = this.named(thing, right - left);
    }
  }

  // As much of a name as its box has room for.
  named(thing, wide) {
    const share = `${Math.round(100 * thing.confidence)}`, mark = MARKS[thing.mark] ?? "";
    const long = (text) => [...text].reduce((sum, letter) => sum + (letter > "⺀" ? WORD : LETTER), 6);
    return [`${mark}${thing.name} ${share}`, `${mark}${[...thing.name][0]} ${share}`, `${mark}${share}`].find((text) => long(text) <= wide) ?? mark.trim();
  }

  // Who looks: a box's query, or a place of the picture.
  shown() {
    const { data } = this, own = data.view === "places" ? data.place : data.picked;
    if (this.mode === "hide" && (data.view !== "places" || this.spots)) return own;
    const wanted = this.over ?? (data.view === "places" ? this.at : null) ?? own;
    return this.spots && !this.spots.slots.includes(wanted) ? own : wanted;
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
    const row = data.tiles.all ? query : data.view === "places" ? data.place : data.picked;
    this.drawHeads(row, this.name(row));
  }

  name(query) {
    const { data } = this;
    if (query < 0) return data.words.nobody;
    return data.view === "places" ? data.places[query] : data.things[query].called;
  }

  lit(canvas, shares, small) {
    if (this.spots) {
      this.dotted(canvas, shares.length ? this.pointsOf(this.shown()) : [], small);
      return this.covers(canvas.getContext("2d"), canvas);
    }
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
    const cursor = this.mode === "hide" ? this.at ?? this.over : data.view === "places" ? this.over ?? this.at ?? query : null;
    const framed = [cursor === null ? null : this.cells[cursor], this.spots && data.view === "places" ? data.cells[query] : null];
    for (const box of new Set(framed.filter(Boolean))) this.frame(pen, laid(box, this.canvas, data), unit);
  }

  frame(pen, [left, top, right, bottom], unit) {
    for (const [style, width] of [["#1f2430", 5 * unit], ["#fff", 2 * unit]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width;
      pen.strokeRect(left, top, right - left, bottom - top);
    }
  }

  // Which share of a query's look lies in its box? A place counts by the part of it that the box covers.
  inside(query) {
    if (this.spots) return this.within(query);
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
    const names = this.spots ? Array(data.keys).fill("") : data.view === "asks" ? data.things.map((thing) => thing.called) : data.places;
    const most = this.most(query, names);
    const place = this.name(query), said = [];
    if (this.spots && data.view === "places") said.push(this.spread(query));
    else if (!most) said.push(filled(words.looks_nowhere, { place }));
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

  type(event) {
    const step = STEPS[event.key], size = [this.data.width, this.data.height];
    if (!this.grid) {
      const slot = this.focused;
      if (!step || slot === undefined) return;
      event.preventDefault();
      const boxes = this.data.things.map((thing) => (thing.shown ? thing.box : null));
      this.layer.querySelector(`[data-slot="${nextBox(boxes, slot, step, size)}"]`)?.focus({ preventScroll: true });
      return;
    }
    const own = this.data.view === "places" && !(this.mode === "hide" && this.data.cells);
    const here = this.at ?? (own ? this.data.place : Math.floor(this.cells.length / 2));
    if (step) this.at = this.at === null && this.mode === "hide" && !own ? here : nextBox(this.cells, here, step, size);
    else if (event.key === "Enter" && own) { event.preventDefault(); return this.say.place(here); }
    else if (event.key === " " && this.cells === this.data.grid && this.data.grid[here]) { event.preventDefault(); return this.flip(here); }
    else return;
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

export default (given) => show(Finder, "finding", given);
