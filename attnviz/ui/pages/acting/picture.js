// An episode that lights up: the world at a step, with what the agent looks at laid over it; a time line that asks no
// server; every head small beside it, what it was likely to do, and the shares of what matters over all steps. What a
// person does (moves, walls, things carried elsewhere) goes to the server as the whole of it, so that nothing is lost
// however fast it comes. (kit/pictures/picture.js, lit.js, world.js and stage.js stand before it.)
const SIDE = 430, NARROW = 300, SMALL = 76, PACE = { slow: 900, fast: 220 }, REST = 700, STRIP = 18; // pixels; milliseconds
const KEYS = { ArrowLeft: "L", ArrowRight: "R", ArrowUp: "F", p: "P", d: "D", o: "O", " ": "O" };

class Acting extends Stage {
  constructor(root) {
    const time = element("div", "time"), strip = element("div", "strip"), pad = element("div", "pad");
    super(root, { role: "application", paint: "colour", wide: SIDE, high: SIDE, tile: [4, 58, SMALL], below: [strip] });
    Object.assign(this, { time, strip, pad, step: 0, speed: "slow", asked: null, lifted: null });
    this.side = element("div", "side");
    this.acts = element("div", "acts");
    this.map = new TokenMap(this);
    this.side.append(this.map.box, this.acts, this.heads);
    root.append(this.side);
    this.stage.after(pad, time);
    this.stage.tabIndex = 0;
    this.stage.onblur = () => { this.at = null; if (this.data) this.draw(); };
    this.layTime();
  }

  update(data, say) {
    const other = data.episode !== this.data?.episode || data.step !== this.told;
    if (other) this.stop();
    if (this.asked === data.moves || !this.asked?.startsWith(data.moves)) this.asked = null;
    if (other) this.step = this.told = data.step;
    this.step = Math.min(this.step, data.steps.length - 1);
    const at = this.at;
    this.wide = this.high = data.tokens ? NARROW : SIDE;
    this.map.box.hidden = !data.tokens;
    this.main.parentElement.classList.toggle("decides", Boolean(data.tokens));
    if (other) this.map.at = null;
    this.stage.setAttribute("aria-label", data.held ? data.words.label_move : data.words.label);
    this.data = data;
    super.update(data, say);
    this.at = at; // the cell that a person stands on stays theirs while the page is drawn anew
    this.draw();
  }

  // The bar: look, or what a click on a cell does; and whose the moves are.
  tools() {
    const mine = this.act("mine", () => this.take());
    mine.title = this.data.words.mine_help;
    mine.setAttribute("aria-pressed", this.data.held);
    if (this.data.tokens && this.mode === "hide") this.mode = "point";
    const made = ["point", "wall", "carry", ...(this.data.tokens ? [] : ["hide"])].map((name) => this.choice("mode", name));
    made.push(element("span", "gap"), mine);
    if (this.hidden.size) made.push(this.act("show_all", () => this.hide(new Set())));
    this.renew(this.bar, made);
    this.stage.classList.toggle("hiding", this.mode !== "point");
    if (this.mode !== "carry") this.lifted = null;
  }

  // Other buttons in the place of those that were there; whoever stood on one stands on the new one of its name.
  renew(box, made) {
    const held = box.getRootNode().activeElement, name = box.contains(held) ? held.dataset.name : undefined;
    box.replaceChildren(...made);
    if (name) made.find((one) => one.dataset.name === name)?.focus({ preventScroll: true });
  }

  lay() {
    const { data } = this, { words } = data;
    this.layHeads((layer, head) => data.without.some(([one, two]) => one === layer && two === head));
    this.pad.hidden = !data.held;
    this.renew(this.pad, data.held ? data.letters.map((letter) => this.act(`act_${letter}`, () => this.move_by(letter))) : []);
    this.layActs();
    this.layStrip();
    this.range.max = this.last;
    this.range.setAttribute("aria-label", words.time);
    for (const [name, made] of Object.entries(this.timed)) made.setAttribute("aria-label", words[name] ?? name);
    for (const [name, made] of Object.entries(this.speeds)) made.textContent = words[name];
  }

  layActs() {
    const { data } = this, rows = data.letters.map((letter) => {
      const row = element("div", "row"), bar = element("span", "share");
      row.append(element("span", "name", data.words[`act_${letter}`]), bar, element("span", "number"));
      bar.append(element("i", ""));
      return row;
    });
    this.value = element("div", "value");
    this.acts.replaceChildren(element("div", "title", data.words.acts), ...rows, this.value);
    this.rows = rows;
  }

  // Steps to the right, what matters down; a click goes to a step.
  layStrip() {
    const { data } = this;
    this.lanes = data.lanes.map(({ name }, number) => {
      const row = element("div", "lane"), canvas = element("canvas", ""), told = element("span", "number");
      canvas.onclick = (event) => {
        const box = canvas.getBoundingClientRect();
        this.go(Math.floor(((event.clientX - box.left) / box.width) * (this.last + 1)));
      };
      row.append(element("span", "name", name), canvas, told);
      return { row, canvas, told, number };
    });
    this.marks = element("div", "marks");
    data.marks.forEach(({ step, text }) => {
      const made = element("span", ""), words = element("b", "", text);
      made.style.left = `${(100 * (step + 0.5)) / (this.last + 1)}%`;
      made.append(words);
      this.marks.append(made);
    });
    this.strip.replaceChildren(element("div", "title", data.words.lanes), ...this.lanes.map(({ row }) => row), this.marks);
  }

  layTime() {
    const button = (name, sign, does) => {
      const made = element("button", name, sign);
      made.onclick = does;
      this.time.append(made);
      return made;
    };
    this.timed = {
      first: button("first", "|◂", () => this.go(0)), back: button("back", "◂", () => this.go(this.step - 1)),
      play: button("play", "▶", () => (this.timer ? this.stop() : this.play())),
      on: button("on", "▸", () => this.go(this.step + 1)), end: button("end", "▸|", () => this.go(this.last)),
    };
    this.speeds = Object.fromEntries(Object.keys(PACE).map((name) => [name, button(`speed ${name}`, "", () => {
      this.speed = name;
      this.timing();
      if (this.timer) this.play();
    })]));
    this.range = element("input", "range");
    Object.assign(this.range, { type: "range", min: 0, step: 1 });
    this.range.oninput = () => this.go(Number(this.range.value));
    this.time.append(this.range, element("span", "number"));
  }

  // What the buttons of the time line say now.
  timing() {
    const { words } = this.data;
    this.timed.play.textContent = this.timer ? "❚❚" : "▶";
    this.timed.play.setAttribute("aria-label", this.timer ? words.pause : words.play);
    for (const [name, made] of Object.entries(this.speeds)) made.setAttribute("aria-pressed", name === this.speed);
    for (const name of ["first", "back"]) this.timed[name].disabled = this.step === 0;
    for (const name of ["on", "end"]) this.timed[name].disabled = this.step === this.last;
    this.range.value = this.step;
    const said = filled(words.step, { step: this.step, last: this.last });
    this.range.setAttribute("aria-valuetext", said);
    this.time.lastChild.textContent = said;
  }

  go(step) {
    this.stop();
    this.to(step);
    this.settle();
  }

  to(step) {
    this.map.at = null;
    this.step = Math.max(0, Math.min(this.last, step));
    this.draw();
  }

  play() {
    clearInterval(this.timer);
    if (this.step === this.last) this.to(0);
    this.said.setAttribute("aria-live", "off"); // or a reader would speak over itself
    this.timer = setInterval(() => {
      this.to(this.step + 1);
      if (this.step === this.last) this.go(this.last);
    }, PACE[this.speed]);
    this.timing();
  }

  stop() {
    if (!this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    this.said.setAttribute("aria-live", "polite");
    this.timing();
  }

  // The step at which a person rests stands in the link; until then nothing is asked.
  settle() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.timer || this.step === this.told) return;
      this.told = this.step;
      this.say.picked(this.step);
    }, REST);
  }

  // What has to be kept of a person's moves for all to be as it is up to now: the step they begin at, and the letters.
  kept() {
    const { data, step } = this, [from, letters] = (this.asked ?? data.moves).split(".");
    if (!letters && letters !== "") return [step, ""];
    const begin = Number(from), end = begin + letters.length;
    if (this.asked) return [begin, letters];
    if (step < begin) return [step, ""];
    if (step <= end) return [begin, letters.slice(0, step - begin)];
    return [begin, letters + data.steps.slice(end, step).map(({ did }) => did.toLowerCase()).join("")]; // the agent's in between
  }

  // A person's own move; those that the server has not answered yet stand before it.
  move_by(letter) {
    if (this.now.arrived && !this.asked) return;
    const [from, letters] = this.kept();
    this.done({ moves: `${from}.${letters}${letter}`, held: true });
    this.asked = `${from}.${letters}${letter}`;
  }

  // Take the moves over at this step, or let the agent go on.
  take() {
    const [from, letters] = this.kept();
    const moves = this.data.held && !letters ? "" : `${from}.${letters}`;
    this.done({ moves, held: !this.data.held });
    if (this.data.held) return;
    this.mode = "point"; // so that arrow keys move
    this.stage.focus({ preventScroll: true });
  }

  // Something is put elsewhere at this step: what came later falls away.
  edit(text) {
    const { data, step } = this, [begin, old] = data.moves.split("."), [from, letters] = this.kept();
    const later = old && step >= Number(begin) + old.length; // then all of a person's moves came before
    this.done({ edit: `${step}${text}`, moves: later ? data.moves : letters || data.held ? `${from}.${letters}` : "", held: data.held });
  }

  done(what) {
    this.stop();
    clearTimeout(this.resting);
    this.say.done({ step: this.step, ...what });
  }

  pick(place) {
    const at = this.name_of(place);
    if (this.mode === "wall") return this.edit(`w${at}`);
    if (this.mode === "hide") return this.flip(place);
    if (this.mode === "point") { this.at = place; return this.draw(); }
    if (this.lifted === null) this.lifted = place === this.now.at || this.now.things.some(([cell]) => cell === place) ? place : null;
    else {
      const from = this.lifted;
      this.lifted = null;
      if (from !== place) return this.edit(`m${this.name_of(from)}.${at}`);
    }
    this.draw();
  }

  name_of(place) { return `${place % this.data.width}.${Math.floor(place / this.data.width)}`; }

  hover(place) { this.point(place); }

  point(place) {
    this.over = place;
    this.draw();
  }

  press(event) {
    if (this.mode === "hide") return super.press(event);
    const place = this.under(event);
    if (event.button !== 0 || place === null) return;
    this.stage.focus({ preventScroll: true });
    this.at = null;
    this.pressed = place;
  }

  type(event) {
    const { data } = this, letter = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (data.held && this.mode === "point" && letter && data.letters.includes(letter)) {
      event.preventDefault();
      return this.move_by(letter);
    }
    const along = STEPS[event.key], here = this.at ?? this.now.at;
    if (along) this.at = nextBox(data.boxes, here, along, [data.width, data.height]);
    else if (event.key === "Enter" || event.key === " ") { event.preventDefault(); return this.pick(here); }
    else if (event.key === "Home" || event.key === "End") { event.preventDefault(); return this.go(event.key === "Home" ? 0 : this.last); }
    else if (event.key === "Escape") this.at = this.lifted = null;
    else return;
    event.preventDefault();
    this.over = null;
    this.draw();
  }
}

export default (given) => show(Acting, "acting", given);
