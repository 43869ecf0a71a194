// A scene made by hand, and beside it what both models say of it: pointing at a word lights up where it looked. Only a
// scene that was changed goes to the server. All lengths are pixels of a canvas of SIDE; GRID places along a side.
const SIDE = 64, DRAWN = 24, GRID = 8, MOST = 4, STEP = 2, FAR = 8, WAIT = 450, EDIT = 300, LOOK = 232;
const LIGHT = [255, 122, 26], FULL = 0.82;
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};
const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const percent = (share) => `${Math.round(100 * share)} %`;
const chance = (value) => (value >= 0.001 ? value.toFixed(3) : value.toExponential(1));
const within = (edge) => Math.max(0, Math.min(SIDE - DRAWN, edge));
const apart = (one, other) => Math.abs(one.left - other.left) >= DRAWN || Math.abs(one.top - other.top) >= DRAWN;

class Panel {
  constructor() {
    this.root = element("div", "panel");
    this.title = element("h4", "");
    this.lines = element("div", "");
    this.canvas = element("canvas", "");
    this.canvas.setAttribute("role", "img");
    this.said = element("div", "said");
    this.said.setAttribute("aria-live", "polite");
    this.root.append(this.title, this.lines, this.canvas, this.said);
  }

  update(data, image, all) {
    this.data = data;
    this.image = image;
    this.all = all;
    this.title.textContent = data.title;
    const first = data.sentences[0].words.findIndex((word) => word.of !== null);
    this.picked = [0, Math.max(0, first)];
    this.over = null;
    this.buttons = [];
    this.lines.replaceChildren(...data.sentences.flatMap((sentence, row) => this.line(sentence, row)));
    this.draw();
  }

  line(sentence, row) {
    const line = element("div", "line");
    line.lang = sentence.language === "zh" ? "zh-CN" : "en";
    line.append(element("span", "tongue", sentence.title));
    sentence.words.forEach((word, at) => {
      const made = element("button", word.of !== null ? "names" : at === sentence.words.length - 1 ? "end" : "", word.text);
      if (word.inside !== null) made.append(element("small", "", percent(word.inside)));
      made.onmouseenter = made.onfocus = () => this.point([row, at]);
      made.onmouseleave = made.onblur = () => this.point(null);
      made.onclick = () => { this.picked = [row, at]; this.draw(); };
      this.buttons.push([made, row, at]);
      line.append(made);
    });
    if (!this.data.drawn) return [line];
    return [line, element("div", "path", filled(this.all.words.path, { chance: chance(sentence.path) }))];
  }

  point(word) {
    this.over = word;
    this.draw();
  }

  draw() {
    const [row, at] = this.over ?? this.picked, word = this.data.sentences[row].words[at];
    this.buttons.forEach(([made, one, other]) => made.setAttribute("aria-pressed", one === row && other === at));
    const dense = Math.min(2, devicePixelRatio || 1), pen = this.canvas.getContext("2d"), size = LOOK * dense;
    this.canvas.width = this.canvas.height = size;
    this.canvas.style.width = this.canvas.style.height = `${LOOK}px`;
    pen.imageSmoothingEnabled = false;
    if (this.image.naturalWidth) pen.drawImage(this.image, 0, 0, size, size);
    const top = Math.max(...word.weights) || 1, cell = size / GRID;
    word.weights.forEach((weight, place) => {
      pen.fillStyle = `rgba(${LIGHT},${((FULL * weight) / top).toFixed(3)})`;
      const x = Math.round((place % GRID) * cell), y = Math.round(Math.floor(place / GRID) * cell);
      pen.fillRect(x, y, Math.round(((place % GRID) + 1) * cell) - x, Math.round((Math.floor(place / GRID) + 1) * cell) - y);
    });
    if (word.of !== null) this.frame(pen, this.all.things[word.of], size / SIDE);
    this.tell(word);
  }

  frame(pen, thing, scale) {
    for (const [style, width] of [["rgba(255,255,255,.9)", 5], ["#174f8a", 2.5]]) {
      pen.strokeStyle = style;
      pen.lineWidth = width;
      pen.strokeRect(thing.left * scale + 1, thing.top * scale + 1, DRAWN * scale - 2, DRAWN * scale - 2);
    }
  }

  tell(word) {
    const { words, names, things } = this.all, told = [];
    const name = word.of === null ? "" : names[things[word.of].name], share = percent(word.inside ?? 0);
    if (this.data.drawn) {
      told.push(filled(words.word_drawn, { word: word.text, chance: chance(word.chance) }));
      if (word.of !== null) told.push(filled(words.word_hit, { share, name }));
    } else if (word.of !== null) told.push(filled(words.word_inside, { word: word.text, share, name }));
    else told.push(filled(words.word_looks, { word: word.text, most: percent(Math.max(...word.weights)) }));
    this.said.textContent = told.join(" ");
    const text = this.data.sentences.map((one) => one.text).join(" · ");
    this.canvas.setAttribute("aria-label", filled(words.alt, { model: this.data.title, text, said: told.join(" ") }));
  }
}

class Scene {
  constructor(root) {
    this.editor = element("div", "editor");
    this.stage = element("div", "stage");
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "application");
    this.canvas = element("canvas", "");
    this.stage.append(this.canvas);
    this.told = element("div", "told");
    this.told.setAttribute("aria-live", "polite");
    this.editor.append(this.stage, this.told);
    this.panels = [new Panel(), new Panel()];
    root.replaceChildren(this.editor, ...this.panels.map((one) => one.root));
    this.stage.onpointerdown = (event) => this.press(event);
    this.stage.onpointermove = (event) => this.move(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.release(event);
    this.stage.onkeydown = (event) => this.type(event);
    this.drawings = {};
  }

  update(data, say) {
    this.data = data;
    this.say = say;
    clearTimeout(this.later);
    this.things = data.things.map((one) => ({ ...one }));
    if (this.picked >= this.things.length) this.picked = undefined;
    this.stage.setAttribute("aria-label", data.own ? data.words.label_own : data.words.label);
    this.stage.classList.toggle("own", data.own);
    for (const [name, source] of Object.entries(data.drawings)) this.drawings[name] ??= this.loaded(source);
    this.image = this.loaded(data.image);
    this.panels.forEach((panel, number) => {
      panel.root.hidden = !data.panels[number];
      if (data.panels[number]) panel.update(data.panels[number], this.image, data);
    });
    this.draw();
    this.tell();
  }

  loaded(source) {
    const image = new Image();
    image.onload = () => { this.draw(); this.panels.forEach((panel) => panel.data && !panel.root.hidden && panel.draw()); };
    if (source) image.src = source;
    return image;
  }

  draw() {
    if (!this.data) return;
    const dense = Math.min(2, devicePixelRatio || 1), size = EDIT * dense, scale = size / SIDE, pen = this.canvas.getContext("2d");
    this.canvas.width = this.canvas.height = size;
    this.canvas.style.width = this.canvas.style.height = `${EDIT}px`;
    pen.imageSmoothingEnabled = false;
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, size, size);
    if (this.data.own) { if (this.image.complete && this.image.naturalWidth) pen.drawImage(this.image, 0, 0, size, size); return; }
    this.things.forEach((one, number) => {
      const image = this.drawings[one.name];
      if (image?.complete && image.naturalWidth) pen.drawImage(image, one.left * scale, one.top * scale, DRAWN * scale, DRAWN * scale);
      if (number !== this.picked) return;
      pen.strokeStyle = "#e8590c";
      pen.lineWidth = 3;
      pen.strokeRect(one.left * scale + 1, one.top * scale + 1, DRAWN * scale - 2, DRAWN * scale - 2);
    });
  }

  tell(words) {
    const { data } = this, one = this.things[this.picked];
    this.told.textContent = data.own ? "" : words ?? (one ? filled(data.words.picked, { name: data.names[one.name] })
      : this.things.length < MOST ? filled(data.words.empty, { name: data.names[data.chosen] }) : "");
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  }

  under([x, y]) {
    return this.things.findIndex((one) => x >= one.left && x < one.left + DRAWN && y >= one.top && y < one.top + DRAWN);
  }

  free(put, but = -1) { return this.things.every((one, number) => number === but || apart(one, put)); }

  press(event) {
    if (event.button !== 0 || this.data.own) return;
    const point = this.at(event), found = this.under(point);
    this.stage.focus({ preventScroll: true });
    event.preventDefault();
    if (found < 0) return this.put(within(Math.round((point[0] - DRAWN / 2) / STEP) * STEP), within(Math.round((point[1] - DRAWN / 2) / STEP) * STEP));
    this.picked = found;
    this.stage.setPointerCapture(event.pointerId);
    const { left, top } = this.things[found];
    this.dragged = { left, top, point };
    this.draw();
    this.tell();
  }

  move(event) {
    const point = this.at(event);
    this.stage.classList.toggle("over", this.under(point) >= 0);
    if (!this.dragged) return;
    const one = this.things[this.picked], { left, top, point: from } = this.dragged;
    one.left = within(Math.round((left + point[0] - from[0]) / STEP) * STEP);
    one.top = within(Math.round((top + point[1] - from[1]) / STEP) * STEP);
    this.draw();
  }

  release(event) {
    if (!this.dragged) return;
    const one = this.things[this.picked], { left, top } = this.dragged, moved = one.left !== left || one.top !== top;
    this.dragged = null;
    if (event.type === "pointerup" && moved && this.free(one, this.picked)) return this.send();
    Object.assign(one, { left, top });
    this.draw();
    if (moved) this.tell(this.data.words.covered);
  }

  put(left, top) {
    const { chosen, words } = this.data, put = { name: chosen, left, top };
    const same = this.things.findIndex((one) => one.name === chosen);
    if (same < 0 && this.things.length >= MOST) return this.tell(words.full);
    if (!this.free(put, same)) return this.tell(words.covered);
    if (same >= 0) Object.assign(this.things[same], put); // what is there already is moved
    else this.things.push(put);
    this.picked = same >= 0 ? same : this.things.length - 1;
    this.draw();
    this.send();
  }

  room() {
    for (let top = 4; top <= SIDE - DRAWN; top += 4)
      for (let left = 4; left <= SIDE - DRAWN; left += 4) if (this.free({ left, top })) return [left, top];
    return null;
  }

  type(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.data.own) return;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const one = this.things[this.picked];
    if (step && one) this.shift(one, step, event.shiftKey ? FAR : STEP);
    else if (event.key.toLowerCase() === "n" && this.things.length) this.picked = ((this.picked ?? -1) + 1) % this.things.length;
    else if ((event.key === "Delete" || event.key === "Backspace") && one) {
      this.things.splice(this.picked, 1);
      this.picked = undefined;
      this.send();
    } else if (event.key === "Enter") {
      const room = this.room();
      room ? this.put(...room) : this.tell(this.data.words.covered);
    } else return;
    event.preventDefault();
    this.draw();
    if (event.key !== "Enter") this.tell();
  }

  shift(one, [right, below], far) {
    const put = { left: within(one.left + right * far), top: within(one.top + below * far) };
    if (!this.free(put, this.picked)) return;
    Object.assign(one, put);
    clearTimeout(this.later);
    this.later = setTimeout(() => this.send(), WAIT); // several keys, one run
  }

  send() { this.say(this.things.map((one) => `${one.name}.${one.left}.${one.top}`).join("-") || "none"); }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".captions");
  if (!made.has(root)) made.set(root, new Scene(root));
  made.get(root).update(data, (scene) => setTriggerValue("scene", scene));
  document.documentElement.dataset.captions = "heard";
}
