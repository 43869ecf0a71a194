// Points that a query, or a place of the encoder, chose to look at, of a model that looks at no map of all places: each
// where it lies, its area by its weight, its shape by its level of features (a circle for the finest). What a query may look
// at elsewhere is not known.
const CORNERS = [0, 4, 3, 6, 5], ROOM = 9, DUSK = 0.45; // of a level's shape (0: round); pixels; how dark the picture is
const floats = (text) => new Float32Array(bytes(text).buffer);

class Pointed extends Lit {
  get spots() { return this.data?.spots ?? null; }

  // Who of those that can look is chosen.
  get chief() { return this.data.view === "places" ? this.data.place : this.data.picked; }

  drawn(key) { return this.spots ? true : super.drawn(key); }

  update(data, say) {
    if (data.spots) Object.assign(this, { chosen: floats(data.spots.rows), every: floats(data.spots.heads) });
    super.update(data, say);
  }

  // The points [x, y, weight, level] of a query that is sent, by the map that is open.
  pointsOf(query) {
    const { slots, count } = this.spots, at = slots.indexOf(query);
    return at < 0 ? [] : this.read(this.chosen, at * count, count);
  }

  read(numbers, first, count) {
    const { levels, each } = this.spots;
    return Array.from({ length: count }, (_, n) => [
      ...numbers.subarray(3 * (first + n), 3 * (first + n + 1)), Math.floor(n / each) % levels,
    ]);
  }

  // A picture in dusk with its points, the largest weight at full size.
  dotted(canvas, points, small) {
    const pen = canvas.getContext("2d"), { data } = this, dense = canvas.width / data.width;
    const unit = canvas.width / (parseFloat(canvas.style.width) || 1), most = Math.max(...points.map(([, , weight]) => weight)) || 1;
    pen.imageSmoothingEnabled = true;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.image, 0, 0, canvas.width, canvas.height);
    pen.fillStyle = `rgba(0,0,0,${DUSK})`;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    for (const [x, y, weight, level] of points.slice().sort((a, b) => b[2] - a[2])) {
      if (!(weight > 0)) continue;
      this.shape(pen, x * dense, y * dense, Math.max(1.5, ROOM * Math.sqrt(weight / most)) * unit * (small ? 0.4 : 1), CORNERS[level] ?? 8);
      pen.fillStyle = `rgba(${LIGHT},0.85)`;
      pen.fill();
      pen.lineWidth = unit * (small ? 0.5 : 1);
      pen.strokeStyle = "#fff";
      pen.stroke();
    }
  }

  shape(pen, x, y, size, corners) {
    pen.beginPath();
    if (!corners) pen.arc(x, y, size, 0, 2 * Math.PI);
    for (let n = 0; n < corners; n++) {
      const turn = (2 * Math.PI * (n + (corners === 4 ? 0.5 : 0))) / corners - Math.PI / 2;
      pen.lineTo(x + size * Math.cos(turn), y + size * Math.sin(turn));
    }
    pen.closePath();
  }

  // The tiles of all heads: the points of the chosen query.
  drawHeads(row, place) {
    if (!this.spots) return super.drawHeads(row, place);
    const { each, levels } = this.spots, count = each * levels;
    this.heads.firstChild.textContent = filled(this.data.words.tiles, { place: this.name(this.chief) });
    for (const { canvas, tile } of this.small) this.dotted(canvas, this.chief < 0 ? [] : this.read(this.every, tile * count, count), true);
  }

  // How a place weighs its points, level by level, and how far from its middle they lie on average.
  spread(query) {
    const { words, cells } = this.data, [x, y] = middle(cells[query]), each = Array(this.spots.levels).fill(0);
    let all = 0, far = 0;
    for (const [left, top, weight, level] of this.pointsOf(query)) {
      each[level] += weight;
      all += weight;
      far += weight * Math.hypot(left - x, top - y);
    }
    const levels = each.map((share, n) => filled(words.level_share, { level: n + 1, share: `${((100 * share) / (all || 1)).toFixed(0)}%` }));
    return filled(words.by_level, { place: this.name(query), levels: levels.join(words.comma), far: (far / (all || 1)).toFixed(0) });
  }

  // Which share of a query's weight lies on points inside its box?
  within(query) {
    const [left, top, right, bottom] = this.data.things[query].box;
    let own = 0, all = 0;
    for (const [x, y, weight] of this.pointsOf(query)) {
      all += weight;
      if (x >= left && x <= right && y >= top && y <= bottom) own += weight;
    }
    return all > 0 ? own / all : NaN;
  }
}
