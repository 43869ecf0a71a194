// What an episode looks like at a step: the world under its light, the same for every head, what was likely, what is said.
class Stage extends Lit {
  get cells() { return this.data.boxes; }

  get last() { return this.data.steps.length - 1; }

  get seenStep() { return this.data.tokens && this.map.at ? Math.min(this.last, Math.floor(this.map.at.row / 3)) : this.step; }

  get now() { return this.data.steps[this.seenStep]; }

  // At the end nobody looks any more.
  get looks() { return this.data.tokens ? 3 * this.seenStep + 1 < this.data.queries : this.step < this.data.queries; }

  draw() {
    if (!this.data || !this.small) return;
    const shares = this.looks && !this.data.tokens ? this.shares(this.step) : []; // tokens look at tokens, not at cells
    this.lit(this.canvas, shares, false);
    this.frame();
    this.tell();
    this.likely();
    this.drawLanes();
    if (this.data.tokens) this.drawTokens();
    else this.drawHeads(this.looks ? this.step : -1, this.step);
    this.timing();
  }

  drawTokens() {
    this.map.draw();
    this.heads.firstChild.textContent = this.data.words.tiles;
    this.small.forEach(({ canvas, tile }) => this.map.mini(canvas, tile));
  }

  lit(canvas, shares, small) {
    const pen = canvas.getContext("2d"), { data, now } = this, walls = new Set(now.walls);
    const boxes = data.boxes.map((box) => laid(box, canvas, data));
    boxes.forEach((box, cell) => {
      walls.has(cell) ? wall(pen, box) : ground(pen, box);
      const share = shares[cell];
      if (share > 0) lightUp(pen, box, Math.min(1, share), "colour");
      if (this.hidden.has(cell) || Number.isNaN(share)) crossOut(pen, box, this.hidden.has(cell));
    });
    if (!small) this.ways(pen, boxes);
    now.things.forEach(([cell, ...one]) => thing(pen, one, boxes[cell]));
    agent(pen, now.turn, now.carries, boxes[now.at]);
    if (!small) this.names(pen, boxes);
  }

  // Where it came along until now, and, after a change, where it had gone without it.
  ways(pen, boxes) {
    const { data } = this, side = boxes[0][2] - boxes[0][0], line = Math.max(1.5, side * 0.05);
    const through = (cells) => cells.map((cell) => middle(boxes[cell]));
    if (data.before) way(pen, through(data.before), [line * 1.5, line * 2.5], "rgba(31,36,48,0.55)", line);
    way(pen, through(data.steps.slice(0, this.seenStep + 1).map(({ at }) => at)), [], "rgba(164,18,63,0.6)", line);
  }

  names(pen, boxes) {
    const { data } = this, size = Math.max(11, Math.round((boxes[0][2] - boxes[0][0]) * 0.2));
    this.now.things.forEach(([cell, , colour]) => colour && cell !== this.now.at && written(pen, data.colours[colour], boxes[cell], size));
    if (this.lifted !== null && this.lifted !== undefined) this.mark(this.lifted, [4, 3]);
  }

  mark(cell, dash) {
    const pen = this.canvas.getContext("2d"), [x, y, right, bottom] = laid(this.data.boxes[cell], this.canvas, this.data);
    const dense = this.canvas.width / (parseFloat(this.canvas.style.width) || 1);
    for (const [style, width] of [["rgba(255,255,255,.9)", 5], [DARK, 2.5]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width * dense;
      pen.setLineDash(dash.map((one) => one * dense));
      pen.strokeRect(x + 2, y + 2, right - x - 4, bottom - y - 4);
    }
    pen.setLineDash([]);
  }

  // The cell that is pointed at, with its weight written in it.
  frame() {
    const cell = this.over ?? this.at;
    if (cell === null || cell === undefined) return;
    this.mark(cell, []);
    if (!this.looks || this.data.tokens) return;
    const [x, y, right, bottom] = laid(this.data.boxes[cell], this.canvas, this.data), pen = this.canvas.getContext("2d");
    const weight = this.weight(this.step, cell);
    written(pen, Number.isNaN(weight) ? "–" : short(weight), [x, y, right, (y + bottom) / 2 + 4], Math.max(12, (right - x) * 0.24));
  }

  // What a cell is called at this step: what lies there, and where it is.
  place(cell) {
    const { data, now } = this, { words } = data, column = cell % data.width, row = Math.floor(cell / data.width);
    const found = now.things.find(([one]) => one === cell);
    const name = cell === now.at && !found ? words.self : found ? this.thing(found.slice(1)) : now.walls.includes(cell) ? words.cell_wall : words.empty;
    return filled(words.at, { name, column, row });
  }

  thing([kind, colour, state]) {
    const { data } = this, { words } = data;
    const values = { kind: data.kinds[kind], colour: data.colours[colour] ?? "", state: words[`is_${state}`] ?? "" };
    return filled(state ? words.thing_state : colour ? words.thing : "{kind}", values);
  }

  seen() {
    if (this.data.tokens) return this.map.most(3 * this.seenStep + 1);
    const order = this.data.boxes.map((_, cell) => cell).filter((cell) => this.weight(this.step, cell) > 0.0005);
    order.sort((a, b) => this.weight(this.step, b) - this.weight(this.step, a));
    return order.slice(0, 3).map((cell) => `${this.place(cell)} ${short(this.weight(this.step, cell))}`).join(this.data.words.comma);
  }

  tell() {
    const { data, now } = this, { words } = data;
    const stands = filled(words.stands, {
      step: this.seenStep, last: this.last, column: now.at % data.width, row: Math.floor(now.at / data.width), way: data.ways[now.turn],
      carries: now.carries ? filled(words.carries, { thing: this.thing(now.carries) }) : words.carries_nothing,
    });
    const most = this.looks ? this.seen() : "", found = [stands];
    if (this.looks) found.push(filled(most ? words.looks : words.looks_nowhere, { map: data.map, most }));
    if (now.did) found.push(filled(now.mine ? words.did_mine : words.did, { act: words[`act_${now.did}`] }));
    else if (this.seenStep === this.last && words[`ended_${data.ended}`]) found.push(words[`ended_${data.ended}`]);
    this.canvas.setAttribute("aria-label", found.join(" "));
    const cell = this.over ?? this.at;
    if (cell !== null && cell !== undefined && this.data.tokens) found.unshift(`${this.place(cell)}${words.stop}`);
    else if (cell !== null && cell !== undefined && this.looks) {
      const weight = this.weight(this.step, cell);
      found.unshift(filled(Number.isNaN(weight) ? words.cell_hidden : words.cell, { place: this.place(cell), weight: short(weight) }));
    }
    if (this.lifted !== null) found.unshift(filled(words.lifted, { place: this.place(this.lifted) }));
    this.said.textContent = found.join(words.space);
  }

  // What it was likely to do at this step, the deed marked, and how well it expects things to go.
  likely() {
    const { data, now } = this, likely = now.likely;
    this.acts.classList.toggle("off", !likely);
    this.rows.forEach((row, number) => {
      const share = likely ? likely[number] : 0, did = likely && now.did === data.letters[number];
      row.querySelector("i").style.width = `${100 * share}%`;
      row.lastChild.textContent = likely ? `${(100 * share).toFixed(share < 0.0995 && share > 0.0005 ? 1 : 0)}%` : "–";
      row.classList.toggle("did", Boolean(did));
      row.firstChild.textContent = `${did ? "▸ " : ""}${data.words[`act_${data.letters[number]}`]}`;
    });
    this.value.textContent = likely ? filled(data.words.value, { value: data.tokens ? `${now.value}`.replace("-", "−") : now.value.toFixed(2) }) : "";
  }

  // Steps to the right, each lane's share of the weight as light; the step that is shown is framed.
  drawLanes() {
    const { data } = this;
    for (const { canvas, told, number } of this.lanes) {
      const { shares } = data.lanes[number], pen = canvas.getContext("2d"), wide = canvas.width / (this.last + 1);
      pen.fillStyle = FLOOR;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      shares.forEach((share, step) => share > 0 && lightUp(pen, [step * wide, 0, (step + 1) * wide + 0.5, canvas.height], Math.min(1, share), "colour"));
      pen.strokeStyle = DARK;
      pen.lineWidth = 3;
      pen.strokeRect(this.seenStep * wide + 1, 1.5, Math.max(3, wide - 2), canvas.height - 3);
      told.textContent = this.looks ? shares[this.seenStep].toFixed(2) : "–";
    }
  }

  sized() {
    const room = this.main.clientWidth || SIDE;
    if (this.data.tokens) this.map.size(this.side.clientWidth || SIDE);
    for (const { canvas } of this.lanes) scaled(canvas, [Math.max(80, Math.min(SIDE * larger(), room) - 118 * larger()), STRIP * larger()], 1);
    this.part();
  }

  // Words under the lanes that would lie on each other go a line down, each still under its own sign.
  part() {
    const ends = [];
    for (const mark of this.marks.children) {
      const { left, right } = mark.firstChild.getBoundingClientRect(), free = ends.findIndex((end) => end + 5 < left);
      const line = free < 0 ? ends.length : free;
      ends[line] = right;
      mark.firstChild.style.marginTop = `${14 * line}px`;
    }
    this.marks.style.height = `${16 + 14 * Math.max(1, ends.length)}px`;
  }
}
