// A picture that lights up where a place of it looks. The weights of the whole map are here, [query, key], two bytes each,
// 65535 for a pair that may not look; the tiles show every head for one query, or for all. Pointing asks no server.
// (kit/pictures/picture.js and lit.js stand before it.)
const SMALL = 224; // pixels; pictures narrower than that are drawn without blur

class Seen extends Lit {
  constructor(root) {
    const chips = element("div", "chips");
    super(root, { role: "application", paint: "colour", wide: 380, high: 400, tile: [8, 40, 58], above: [chips] });
    this.chips = chips;
    this.stage.tabIndex = 0;
    this.stage.onblur = () => this.point(null);
  }

  get cells() { return this.data.boxes; }

  number(place) { return this.data.patches[place]; }

  pick(place) { this.say.picked(this.number(place)); }

  hover(place) { this.point(place); }

  update(data, say) {
    this.off = new Set(data.off); // not drawn: sinks, where special places are left out
    this.stage.setAttribute("aria-label", data.words.label);
    super.update(data, say);
  }

  // The chips of places that are no part of the picture, and the tiles of all heads.
  lay() {
    const { data } = this;
    this.buttons = data.chips.map((place) => {
      const made = element("button", "", "");
      made.dataset.place = place;
      made.onmouseenter = made.onfocus = () => this.point(place);
      made.onmouseleave = made.onblur = () => this.point(null);
      made.onclick = () => this.pick(place);
      return made;
    });
    this.chips.replaceChildren(...this.buttons);
    this.chips.hidden = !this.buttons.length;
    this.layHeads();
  }

  drawn(key) { return this.data.boxes[key] && !this.off.has(key); }

  shown() { return this.over ?? this.at ?? this.data.picked; }

  draw() {
    if (!this.data || !this.image?.complete) return;
    const query = this.shown(), shares = this.shares(query);
    this.lit(this.canvas, shares, false);
    this.frames(query);
    this.tell(query);
    this.colour(query, shares);
    const of = this.data.tiles.all ? query : this.data.picked;
    this.drawHeads(of, this.data.names[of]);
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

  colour(query, shares) {
    const { data } = this;
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
    const most = this.most(query, data.names, (key) => !this.off.has(key) && (data.boxes[key] || data.chips.includes(key)));
    const words = [filled(most ? data.words.looks : data.words.looks_nowhere, { place: data.names[query], most })];
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

  type(event) {
    const step = STEPS[event.key];
    const here = this.at ?? this.data.picked;
    if (step) this.at = nextBox(this.data.boxes, here, step, [this.data.width, this.data.height]);
    else if (event.key === "Home") this.at = this.data.chips.find((place) => !this.data.boxes[place]) ?? here;
    else if (event.key === "Enter") { event.preventDefault(); return this.pick(here); }
    else if (event.key === " " && this.data.boxes[here]) { event.preventDefault(); return this.flip(here); }
    else return;
    event.preventDefault();
    this.over = null;
    this.draw();
  }
}

export default (given) => show(Seen, "seeing", given);
