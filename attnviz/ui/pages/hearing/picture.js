// A sound that lights up: its spectrogram where the open word (or moment) listens, under it the map of all words over the
// same time, with the path through their peaks; every head small beside it. Pointing asks no server.
// (kit/pictures/picture.js and lit.js stand before it.)
const WIDE = 900, HIGH = 150, ROWS = [28, 18], MANY = 40, SQUARE = 190, TILE = [76, 44]; // pixels
const GREY = "rgba(128,134,144,0.4)", INK = "#1f2430", PAPER = [243, 244, 246], FILL = [199, 70, 10];
// What a byte of a small map is filled with. It covers what is under it, for places that share a pixel overlap.
const SHADES = Array.from({ length: 256 }, (_, byte) => `rgb(${PAPER.map((one, n) => Math.round(one + (byte / 255) * (FILL[n] - one)))})`);

class Heard extends Lit {
  constructor(root) {
    const truth = element("div", "truth"), head = element("div", "playhead");
    const axis = element("div", "axis"), rows = element("div", "rows"), words = element("div", "words");
    const map = element("canvas", "map"), player = element("audio", "player");
    super(root, { role: "application", paint: "colour", wide: WIDE, high: HIGH, tile: [8, 40, 58], over: [truth, head], below: [axis, rows, player] });
    Object.assign(this, { truth, head, axis, words, map, player, key: null });
    this.main.append(this.said);
    rows.append(words, map);
    map.setAttribute("aria-hidden", "true"); // what it shows stands in the words and in the sentence below
    player.controls = head.hidden = true;
    this.stage.tabIndex = 0;
    this.stage.onblur = () => { this.at = null; if (this.data) this.draw(); };
    map.onpointermove = (event) => this.over_map(event, false);
    map.onpointerleave = () => { this.over = this.key = null; this.draw(); };
    map.onclick = (event) => this.over_map(event, true);
    player.onplay = () => this.follow();
    player.onpause = player.onended = () => this.follow();
  }

  get cells() { return this.data.boxes; }

  get moments() { return this.data.view === "moments"; }

  full(row) { return fullOf(row); }

  pick(place) { this.say.place(place === this.data.moment ? -1 : place); }

  hover(place) { this.at = null; this.point(place); }

  // A moment under the pointer: in one view it looks, in the other it is looked at.
  point(place) {
    this.over = null;
    this.key = place;
    this.draw();
  }

  update(data, say) {
    this.stage.setAttribute("aria-label", data.words[data.view === "moments" ? "label_moments" : "label"]);
    this.key = null;
    super.update(data, say);
    if (this.player.dataset.of !== data.sound) {
      this.player.dataset.of = data.sound;
      this.player.src = data.audio;
      this.player.setAttribute("aria-label", data.words.player);
    }
  }

  lay() {
    const { data } = this;
    const held = this.words.getRootNode().activeElement, had = this.words.contains(held) ? held.dataset.word : undefined;
    this.buttons = this.moments ? [] : data.queries_said.map(({ text, mark, says }, word) => {
      const made = element("button", mark), bar = element("span", "bar_of"), name = element("span", "name", text);
      made.append(bar, name);
      made.dataset.word = word;
      made.setAttribute("aria-pressed", word === data.picked);
      made.setAttribute("aria-label", says);
      made.onmouseenter = made.onfocus = () => { this.over = word; this.key = null; this.draw(); };
      made.onmouseleave = made.onblur = () => { this.over = null; this.draw(); };
      made.onclick = () => this.say.picked(word);
      return made;
    });
    this.words.replaceChildren(...this.buttons);
    if (had !== undefined) this.buttons[had]?.focus({ preventScroll: true });
    const share = (second) => `${(100 * second) / data.seconds}%`;
    this.truth.replaceChildren(...data.truth.map(({ text, from, to, mark }) => {
      const made = element("span", mark, text);
      Object.assign(made.style, { left: share(from - data.begin), width: share(to - from) });
      return made;
    }));
    const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5].find((one) => data.seconds / one <= 10) ?? 10, ticks = [];
    for (let n = Math.ceil(data.begin / step - 1e-6); n * step < data.begin + 0.97 * data.seconds; n++) {
      const made = element("span", "", `${+(n * step).toFixed(2)} s`);
      made.style.left = share(n * step - data.begin);
      ticks.push(made);
    }
    this.axis.replaceChildren(...ticks);
    this.layHeads((layer, head) => data.without.some(([one, two]) => one === layer && two === head));
  }

  size() {
    const { data } = this, gutter = this.moments ? 0 : 84, row = ROWS[+(data.queries > MANY)];
    this.main.style.setProperty("--row", `${row}px`);
    this.main.style.setProperty("--gutter", `${gutter}px`);
    const room = Math.max(180, Math.min(WIDE, this.main.clientWidth) - gutter);
    scaled(this.canvas, [room, HIGH], 1);
    scaled(this.map, [room, this.moments ? SQUARE : row * data.queries], 1);
    this.map.hidden = !data.flat; // patches above each other are one after the other there, not in time
    this.base = null;
    this.axis.style.width = `${room}px`;
    this.small.forEach(({ canvas }) => scaled(canvas, TILE, 1));
    this.drawHeads();
    this.draw();
  }

  // The query that is shown, and the moment that is asked for who hears it.
  shown() {
    const { data } = this;
    if (this.moments) return this.over ?? this.key ?? this.at ?? data.looking;
    return this.over ?? data.picked;
  }

  moment() {
    if (this.moments) return null;
    const found = this.key ?? this.at ?? (this.over === null ? this.data.moment : -1);
    return found >= 0 ? found : null;
  }

  draw() {
    if (!this.data || !this.image?.complete || !this.small) return;
    const query = this.shown(), moment = this.moment(), shares = this.shares(query);
    this.lit(this.canvas, shares);
    this.cursor(this.moments ? query : moment);
    this.paintMap(query);
    this.bars(moment);
    this.tell(query, moment);
  }

  lit(canvas, shares) {
    const pen = canvas.getContext("2d"), { data } = this;
    pen.imageSmoothingEnabled = true;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.image, 0, 0, canvas.width, canvas.height);
    data.boxes.forEach((box, key) => {
      const at = laid(box, canvas, data);
      if (this.hidden.has(key)) return crossOut(pen, at, false);
      if (Number.isNaN(shares[key])) { pen.fillStyle = GREY; return pen.fillRect(at[0], at[1], at[2] - at[0], at[3] - at[1]); }
      lightUp(pen, at, Math.min(1, shares[key] || 0), this.paint);
    });
  }

  cursor(place) {
    if (place === null || !this.data.boxes[place]) return;
    const pen = this.canvas.getContext("2d"), [left, top, right, bottom] = laid(this.data.boxes[place], this.canvas, this.data);
    for (const [style, width] of [["rgba(255,255,255,.9)", 5], ["#d9480f", 2.5]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width;
      pen.strokeRect(left + 1, top + 1, Math.max(3, right - left - 2), bottom - top - 2);
    }
  }

  // All queries over the same time, each in shares of its own full colour; the path through the peaks of words.
  paintMap(query) {
    const { map, data } = this, pen = map.getContext("2d"), down = map.height / data.queries;
    const dense = map.width / (parseFloat(map.style.width) || 1);
    if (!data.flat || !map.width || !map.height) return;
    this.base ??= this.painted(down, dense);
    pen.clearRect(0, 0, map.width, map.height);
    pen.drawImage(this.base, 0, 0);
    pen.strokeStyle = INK;
    pen.lineWidth = 1.5 * dense;
    pen.strokeRect(dense, query * down + dense, map.width - 2 * dense, Math.max(2, down - 2 * dense));
  }

  // The map without the row that is open: painted once, however often one points.
  painted(down, dense) {
    const { data } = this, map = element("canvas", ""), { queries } = data;
    Object.assign(map, { width: this.map.width, height: this.map.height });
    const pen = map.getContext("2d");
    pen.fillStyle = `rgb(${PAPER})`;
    pen.fillRect(0, 0, map.width, map.height);
    for (let row = 0; row < queries; row++) {
      this.shares(row).forEach((share, key) => {
        const top = Math.round(row * down), high = Math.round((row + 1) * down) - top;
        const left = this.x(map, data.boxes[key][0]), wide = this.x(map, data.boxes[key][2]) - left;
        pen.fillStyle = Number.isNaN(share) ? GREY : `rgba(${FILL},${(0.95 * Math.min(1, share)).toFixed(3)})`;
        pen.fillRect(left, top, wide, high);
      });
    }
    if (!this.moments) this.path(pen, down, dense);
    return map;
  }

  // Where a side of a box lies on the map, whose time is that of the picture.
  x(map, side) { return Math.round((side / this.data.width) * map.width); }

  // The key at a share of the time.
  key_at(share) {
    const at = share * this.data.width, found = this.data.boxes.findIndex((box) => at < box[2]);
    return found < 0 ? this.data.keys - 1 : found;
  }

  path(pen, down, dense) {
    const peaks = this.data.queries_said.map(({ mark }, row) => (mark === "end" ? null : this.peak(row))).filter((one) => one !== null);
    for (const [style, width] of [["rgba(255,255,255,.85)", 4.5], ["#174f8a", 2]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width * dense;
      pen.beginPath();
      peaks.forEach((key, row) => pen.lineTo(this.x(this.map, middle(this.data.boxes[key])[0]), (row + 0.5) * down));
      pen.stroke();
    }
    peaks.forEach((key, row) => {
      pen.beginPath();
      pen.arc(this.x(this.map, middle(this.data.boxes[key])[0]), (row + 0.5) * down, 4 * dense, 0, 2 * Math.PI);
      pen.fillStyle = "#174f8a";
      pen.fill();
      pen.strokeStyle = "#fff";
      pen.lineWidth = 1.5 * dense;
      pen.stroke();
    });
  }

  peak(row) {
    let best = 0;
    for (let key = 1; key < this.data.keys; key++) if (!(this.weight(row, key) <= (this.weight(row, best) || 0))) best = Number.isNaN(this.weight(row, key)) ? best : key;
    return best;
  }

  // How much each word listens at a moment, as a bar in its button; of no moment none.
  bars(moment) {
    const query = this.shown();
    this.buttons.forEach((made, word) => {
      const share = moment === null ? 0 : this.shares(word)[moment] || 0;
      made.querySelector(".bar_of").style.width = `${Math.round(100 * Math.min(1, share))}%`;
      made.classList.toggle("shown", word === query);
    });
  }

  tell(query, moment) {
    const { data } = this, { words } = data;
    if (moment !== null) {
      const order = data.queries_said.map((_, row) => row).filter((row) => this.weight(row, moment) > 0);
      order.sort((a, b) => this.weight(b, moment) - this.weight(a, moment));
      const most = order.slice(0, 3).map((row) => `${data.queries_said[row].text} ${short(this.weight(row, moment))}`).join(words.comma);
      this.said.textContent = filled(most ? words.hears : words.hears_nobody, { time: data.names[moment], most });
    } else if (this.moments) {
      const most = this.most(query, data.names);
      this.said.textContent = filled(words.moment, { time: data.names[query], most });
    } else {
      this.said.textContent = data.queries_said[query].looks;
    }
  }

  // Every head small: its whole map, the time to the right; each row in shares of its full colour. The same wherever one
  // points, so it is drawn once.
  drawHeads() {
    const { data } = this, [down, across] = data.tiles.size;
    this.heads.firstChild.textContent = data.words.tiles;
    for (const { canvas, tile } of this.small) {
      const pen = canvas.getContext("2d"), high = canvas.height / down, wide = canvas.width / across;
      for (let row = 0; row < down; row++) for (let key = 0; key < across; key++) {
        pen.fillStyle = SHADES[this.tiles[(tile * down + row) * across + key]];
        pen.fillRect(Math.floor(key * wide), Math.floor(row * high), Math.ceil(wide), Math.ceil(high));
      }
    }
  }

  over_map(event, click) {
    const box = this.map.getBoundingClientRect(), { queries } = this.data;
    const row = Math.floor(((event.clientY - box.top) / box.height) * queries), key = this.key_at((event.clientX - box.left) / box.width);
    if (row < 0 || row >= queries) return;
    if (click) return this.moments ? this.say.place(row) : this.say.picked(row);
    this.over = row;
    this.key = this.moments ? null : key;
    this.draw();
  }

  // A stroke of the pointer covers all frames between two places of it.
  move(event) {
    if (!this.dragged) return super.move(event);
    const place = this.under(event);
    if (place === null) return;
    const now = place % this.data.across, last = this.dragged.last ?? now;
    for (let one = Math.min(last, now); one <= Math.max(last, now); one++) {
      this.together(one).forEach((at) => (this.dragged.hides ? this.hidden.add(at) : this.hidden.delete(at)));
    }
    this.dragged.last = now;
    this.draw();
  }

  // All places of the time of one: what is covered is covered at every pitch.
  together(place) {
    const { across, keys } = this.data;
    return Array.from({ length: keys / across }, (_, band) => band * across + (place % across));
  }

  flip(place) {
    const places = new Set(this.hidden), covers = !places.has(place);
    this.together(place).forEach((one) => (covers ? places.add(one) : places.delete(one)));
    this.hide(places);
  }

  type(event) {
    const { data } = this, band = data.flat ? 0 : data.across;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: band, ArrowDown: -band, Home: -data.keys, End: data.keys }[event.key];
    const here = this.at ?? (this.moments ? data.looking : Math.max(0, data.moment));
    if (step) this.at = Math.abs(step) === band && (here + step < 0 || here + step >= data.keys) ? here : Math.min(data.keys - 1, Math.max(0, here + step));
    else if (event.key === "Enter") { event.preventDefault(); return this.say.place(here); }
    else if (event.key === " ") { event.preventDefault(); return this.flip(here); }
    else return;
    event.preventDefault();
    this.over = this.key = null;
    this.draw();
  }

  // A line that runs along while the sound plays; the words that listen to this moment show it.
  follow() {
    const { player, data } = this, playing = !player.paused && !player.ended;
    this.head.hidden = !playing;
    if (!playing) { this.key = null; return this.draw(); }
    const share = Math.min(1, player.currentTime / data.seconds);
    this.head.style.left = `${100 * share}%`;
    const key = this.key_at(share);
    if (data.flat && key !== this.key) { this.key = key; this.over = null; this.draw(); }
    requestAnimationFrame(() => this.follow());
  }
}

export default (given) => show(Heard, "hearing", given);
