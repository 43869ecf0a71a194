// The tokens of a Decision Transformer as a map: return, state and action of each step (R, s, a), down those that look,
// to the right those that are looked at. At most VIEW steps are drawn, those up to the one that is shown among them; what
// lies before them is one column. A row that is pointed at shows the world of its step.
const VIEW = 16, GUTTER = 34, WIDEST = 470, TONES = { R: "#8a3b00", s: "#124e8c", a: "#1f6b34" };

class TokenMap {
  constructor(stage) {
    this.stage = stage;
    this.box = element("div", "tokens");
    this.title = element("div", "title", "");
    this.canvas = element("canvas", "");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.said = element("div", "row-said");
    this.said.setAttribute("aria-live", "polite");
    this.box.append(this.title, this.canvas, this.said);
    this.canvas.onpointermove = (event) => this.point(this.under(event));
    this.canvas.onpointerleave = () => this.point(null);
    this.canvas.onpointerdown = (event) => this.point(this.under(event));
    this.canvas.onclick = (event) => { const found = this.under(event); if (found) this.stage.go(Math.floor(found.row / 3)); };
    this.canvas.onkeydown = (event) => this.type(event);
    this.canvas.onblur = () => this.point(null);
    this.at = null; // the row and the column that are pointed at; a column of -1 is the whole row
  }

  get data() { return this.stage.data; }

  get here() { return 3 * this.stage.step + 1; } // the state from which the action of the step is read

  // The first step that is drawn, and how many.
  get first() { return Math.max(0, Math.min(this.stage.step - VIEW + 3, Math.ceil(this.data.queries / 3) - VIEW)); }

  get many() { return Math.min(3 * VIEW, this.data.queries - 3 * this.first); }

  get row() { return this.at?.row ?? Math.min(this.here, this.data.queries - 1); }

  named(token) { return `${this.data.tokens[token % 3]}${Math.floor(token / 3)}`; }

  size(room) {
    const across = Math.max(200, Math.min(WIDEST, room));
    scaled(this.canvas, [across, across], 1);
  }

  geometry() {
    const dense = this.canvas.width / (parseFloat(this.canvas.style.width) || 1), gutter = GUTTER * dense;
    const early = this.first > 0 ? 14 * dense : 0; // the column of all that lies before
    return { dense, gutter, early, side: (this.canvas.width - gutter - early) / Math.max(12, this.many) };
  }

  draw() {
    const { data } = this, pen = this.canvas.getContext("2d");
    this.title.textContent = filled(data.words.tokens, { map: data.map });
    pen.fillStyle = FLOOR;
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const laid = this.geometry(), start = 3 * this.first;
    for (let row = 0; row < this.many; row++) this.line(pen, start + row, laid, start);
    this.lines(pen, laid, start);
    this.mark(pen, laid, start);
    this.tell();
  }

  // One row: each weight as light, paler where the row looks everywhere alike; nothing ahead of it.
  line(pen, row, { gutter, early, side }, start) {
    const weights = Array.from({ length: row + 1 }, (_, key) => this.stage.weight(row, key)), full = fullOf(weights);
    const y = gutter + (row - start) * side;
    if (early) {
      const sum = weights.slice(0, start).reduce((all, one) => all + (one || 0), 0);
      lightUp(pen, [gutter, y, gutter + early - 2, y + side], Math.min(1, sum / full), "colour");
    }
    for (let key = start; key < this.data.keys; key++) {
      const x = gutter + early + (key - start) * side, weight = weights[key];
      if (key > row || Number.isNaN(weight)) {
        pen.fillStyle = key > row ? "rgba(128,134,144,0.13)" : "rgba(128,134,144,0.55)";
        if (key - start < this.many) pen.fillRect(x, y, side, side);
      } else if (weight > 0) lightUp(pen, [x, y, x + side, y + side], Math.min(1, weight / full), "colour");
    }
  }

  // A line between steps; at both sides the letters of the tokens and the numbers of the steps.
  lines(pen, { gutter, early, side, dense }, start) {
    const edge = gutter + early, size = Math.min(11 * dense, Math.max(7 * dense, side * 0.95));
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (let token = 0; token < this.many; token++) {
      const at = token * side, kind = this.data.tokens[(start + token) % 3];
      pen.font = `600 ${size}px sans-serif`;
      pen.fillStyle = TONES[kind];
      if (side >= 6 * dense) {
        pen.fillText(kind, edge + at + side / 2, gutter - size * 0.7);
        pen.fillText(kind, gutter - size * 0.7, gutter + at + side / 2);
      }
      if (token % 3) continue;
      pen.fillStyle = LINE;
      pen.fillRect(edge + at, gutter, 1, this.many * side);
      pen.fillRect(edge, gutter + at, this.many * side, 1);
      const step = this.first + token / 3, shown = step === this.stage.step || 3 * side >= 24 * dense || step % 5 === 0;
      if (!shown) continue;
      pen.fillStyle = DARK;
      pen.font = `${step === this.stage.step ? 700 : 400} ${11 * dense}px sans-serif`;
      pen.fillText(step, edge + at + 1.5 * side, gutter * 0.3);
      pen.fillText(step, gutter * 0.3, gutter + at + 1.5 * side);
    }
    if (early) pen.fillText("‹", gutter + early / 2, gutter * 0.6);
  }

  // The row that is read, and the cell of it that is pointed at.
  mark(pen, { gutter, early, side, dense }, start) {
    const y = gutter + (this.row - start) * side, wide = early + this.many * side;
    for (const [style, width] of [["rgba(255,255,255,.9)", 4], [DARK, 2]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width * dense;
      pen.strokeRect(gutter, y, wide, side);
      if (this.at?.key >= start) pen.strokeRect(gutter + early + (this.at.key - start) * side, y, side, side);
    }
  }

  most(row) {
    const order = Array.from({ length: row + 1 }, (_, key) => key).filter((key) => this.stage.weight(row, key) > 0.0005);
    order.sort((a, b) => this.stage.weight(row, b) - this.stage.weight(row, a));
    return order.slice(0, 4).map((key) => `${this.named(key)} ${short(this.stage.weight(row, key))}`).join(this.data.words.comma);
  }

  // What the row that is shown looks at, in words.
  tell() {
    const { words } = this.data, row = this.row, most = this.most(row), key = this.at?.key ?? -1;
    const name = this.named(row), kind = words[`kind_${this.data.tokens[row % 3]}`], step = Math.floor(row / 3);
    const found = [filled(most ? words.token : words.token_none, { name, kind, step, most })];
    if (key >= 0) {
      const weight = this.stage.weight(row, key), values = { name, key: this.named(key), weight: short(weight) };
      found.unshift(filled(Number.isNaN(weight) ? words.token_unseen : words.token_cell, values));
    }
    this.said.textContent = found.join(words.space);
    this.canvas.setAttribute("aria-label", `${words.tokens_label}${words.space}${found.join(words.space)}`);
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect(), dense = this.canvas.width / box.width, { gutter, early, side } = this.geometry();
    const row = Math.floor(((event.clientY - box.top) * dense - gutter) / side), key = Math.floor(((event.clientX - box.left) * dense - gutter - early) / side);
    if (row < 0 || row >= this.many) return null;
    const start = 3 * this.first;
    return { row: start + row, key: key < 0 || start + key > start + row ? -1 : start + key };
  }

  point(at) {
    if (at?.row === this.at?.row && at?.key === this.at?.key) return;
    this.at = at;
    this.stage.draw();
  }

  type(event) {
    const along = STEPS[event.key], { row, key = -1 } = this.at ?? { row: this.row };
    if (event.key === "Escape") this.point(null);
    else if (event.key === "Enter") this.stage.go(Math.floor(row / 3));
    else if (along) {
      const start = 3 * this.first, last = start + this.many - 1, next = Math.max(start, Math.min(last, row + along[1]));
      this.point({ row: next, key: Math.max(-1, Math.min(next, along[0] && key < start ? (along[0] > 0 ? start : next) : key + along[0])) });
    } else return;
    event.preventDefault();
  }

  // A head as small as a tile: the same rows and columns.
  mini(canvas, tile) {
    const pen = canvas.getContext("2d"), { data } = this, start = 3 * this.first, side = canvas.width / Math.max(12, this.many);
    pen.fillStyle = FLOOR;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (!data.tiles.all) return;
    for (let row = 0; row < this.many; row++) {
      const from = (tile * data.queries + start + row) * data.keys;
      for (let key = 0; key <= row; key++) {
        const share = this.stage.tiles[from + start + key] / 255, x = key * side, y = row * side;
        if (share > 0.02) lightUp(pen, [x, y, x + side, y + side], share, "colour");
      }
    }
  }
}
