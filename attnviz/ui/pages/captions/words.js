// A sentence, or two, whose words light up the picture where they looked: big for one word, small for all. Each panel has
// its weights [word, place], and where one place was drawn the chances that each place had. Pointing asks no server.
const BIG = 300, TILE = 62, PALE = 0.35; // pixels; the fullest light of a place that might have been drawn

const shares = (sent) => {
  const raw = bytes(sent[0]);
  return Array.from(new Uint16Array(raw.buffer, 0, raw.length >> 1), (one) => (one / FULL) * sent[1]);
};

class Panel {
  constructor(all, data, place) {
    Object.assign(this, { all, data, place, weights: shares(data.weights), chances: data.chances && shares(data.chances) });
    this.root = element("section", "panel");
    this.root.setAttribute("aria-label", data.title);
    this.sentence = element("div", "sentence");
    this.sentence.setAttribute("role", "toolbar");
    this.sentence.setAttribute("aria-label", all.data.words.label);
    this.sentence.onkeydown = (event) => this.type(event);
    this.canvas = element("canvas", "big");
    this.canvas.setAttribute("role", "img");
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.tiles = element("div", "tiles");
    this.tiles.setAttribute("aria-hidden", "true"); // the same as the words, for those who see
    this.words = data.words.map((word, number) => this.word(word, number));
    this.sentence.append(...this.words);
    this.small = data.words.map((word, number) => this.tile(word, number));
    this.tiles.append(...this.small.map((one) => one.root));
    const note = element("div", "note", all.data.words.tiles);
    note.hidden = this.tiles.hidden = data.words.length < 2; // the large picture shows the only one
    this.root.append(element("div", "title", data.title), this.sentence, this.canvas, this.said, note, this.tiles);
    this.size();
  }

  hear(made, number) {
    made.onpointerenter = () => this.all.point("over", this, number);
    made.onpointerleave = () => this.all.point("over", this, null);
    made.onclick = () => this.all.pick(this, number);
  }

  word(word, number) {
    const made = element("button", `word ${word.mark}`, word.text);
    if (word.says) made.setAttribute("aria-label", `${word.text} (${word.says})`);
    made.title = word.says;
    this.hear(made, number);
    made.onfocus = () => this.all.point("at", this, number);
    made.onblur = () => this.all.point("at", this, null);
    return made;
  }

  tile(word, number) {
    const root = element("div", "tile"), canvas = element("canvas", "");
    root.append(canvas, element("span", word.mark, word.text));
    this.hear(root, number);
    return { root, canvas };
  }

  type(event) {
    const at = this.words.indexOf(event.target), last = this.words.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.words[Math.max(0, Math.min(last, to))].focus();
  }

  size() {
    const { width, height } = this.all.data, room = Math.max(120, Math.min((this.all.data.big ?? BIG) * larger(), this.root.clientWidth || BIG));
    scaled(this.canvas, [width, height], room / width);
    this.small.forEach(({ canvas }) => scaled(canvas, [width, height], (TILE * larger()) / width));
  }

  draw(number) {
    this.small.forEach(({ root, canvas }, place) => {
      this.lit(canvas, place, true);
      root.classList.toggle("now", place === number);
    });
    this.lit(this.canvas, number, false);
    const stop = this.all.at?.panel === this ? this.all.at.number : this.picked; // the one stop of the Tab key
    this.words.forEach((made, place) => {
      made.classList.toggle("now", place === number);
      made.setAttribute("aria-pressed", place === this.picked);
      made.tabIndex = place === stop ? 0 : -1;
    });
    this.canvas.setAttribute("aria-label", this.data.words[number].look);
    this.said.textContent = this.data.words[number].look;
  }

  lit(canvas, number, small) {
    const pen = canvas.getContext("2d"), { boxes, things } = this.all.data, count = boxes.length;
    const row = this.weights.slice(number * count, (number + 1) * count), most = Math.max(...row) || 1;
    const pale = this.chances?.slice(number * count, (number + 1) * count), likely = pale && Math.max(...pale);
    pen.imageSmoothingEnabled = Boolean(this.all.data.big); // a photograph, no drawing of 64 pixels
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.all.image, 0, 0, canvas.width, canvas.height);
    boxes.forEach((box, place) => {
      const share = Math.max(row[place] / most, pale ? (PALE * pale[place]) / likely : 0);
      lightUp(pen, laid(box, canvas, this.all.data), share, "colour");
    });
    const of = this.data.words[number].of;
    if (!small && of !== null && things[of]) this.frame(pen, laid(things[of], canvas, this.all.data), "#1f2430", [5, 3]);
    if (!small && pale) this.frame(pen, laid(boxes[row.indexOf(Math.max(...row))], canvas, this.all.data), "#d9480f", []);
  }

  frame(pen, [x, y, right, bottom], colour, dash) {
    for (const [style, width] of [["rgba(255,255,255,.9)", 5], [colour, 2.5]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width;
      pen.setLineDash(dash);
      pen.strokeRect(x + 1, y + 1, right - x - 2, bottom - y - 2);
    }
    pen.setLineDash([]);
  }
}

class Sentences {
  constructor(root) {
    this.root = root;
    this.panels = [];
    new ResizeObserver(() => { this.panels.forEach((one) => one.size()); this.draw(); }).observe(root);
  }

  update(data, say, paste) {
    if (data.pastes && !this.paste) hearPastes(this.root, (file) => this.paste(file));
    this.paste = paste;
    const focused = this.panels.flatMap((one) => one.words.map((made, n) => [one.place, n, made])).find(([, , made]) => made === made.getRootNode().activeElement);
    Object.assign(this, { data, say, over: null, at: null });
    this.panels = data.panels.map((one, place) => new Panel(this, one, place));
    this.panels.forEach((one) => { one.picked = this.like(one, this.panels[0], data.picked); });
    this.root.replaceChildren(...this.panels.map((one) => one.root));
    this.panels.forEach((one) => one.size());
    if (focused) this.panels[focused[0]]?.words[focused[1]]?.focus({ preventScroll: true });
    if (this.image?.src !== data.image) {
      this.image = new Image();
      this.image.onload = () => this.draw();
      this.image.src = data.image;
    }
    this.draw();
  }

  // The word of another panel that says the same, or else the one at the same place.
  like(panel, from, number) {
    const words = panel.data.words, text = from.data.words[Math.min(number, from.data.words.length - 1)].text;
    const same = panel === from || words[number]?.text === text ? -1 : words.findIndex((one) => one.text === text);
    return same >= 0 ? same : Math.min(number, words.length - 1);
  }

  // The word under the pointer ("over"), or else the one that has the keyboard ("at").
  point(how, panel, number) {
    this[how] = number === null ? null : { panel, number };
    this.draw();
  }

  pick(panel, number) {
    panel.words[number].focus({ preventScroll: true });
    this.say(this.like(this.panels[0], panel, number));
  }

  draw() {
    if (!this.image?.complete || !this.data) return;
    const shown = this.over ?? this.at;
    this.panels.forEach((one) => one.draw(shown ? this.like(one, shown.panel, shown.number) : one.picked));
  }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".captions");
  if (!made.has(root)) made.set(root, new Sentences(root));
  made.get(root).update(data, (word) => setTriggerValue("picked", word), (file) => setTriggerValue("pasted", file));
  document.documentElement.dataset.captions = "heard";
}
