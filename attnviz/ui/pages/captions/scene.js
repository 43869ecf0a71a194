// A canvas on which things are put, moved and taken away, by pointer or by keys. The server hears of a scene when it rests.
const WIDE = 330, STRIDE = 4, REST = 450; // pixels; pixels of the canvas that an arrow key moves; milliseconds
const covers = (one, other, drawn) => Math.abs(one.left - other.left) < drawn && Math.abs(one.top - other.top) < drawn;

class Maker {
  constructor(root) {
    this.root = root;
    this.stage = element("div", "stage");
    this.stage.setAttribute("role", "group");
    this.told = element("div", "said");
    this.told.setAttribute("aria-live", "polite");
    this.gone = element("div", "gone");
    root.replaceChildren(this.stage, this.told, this.gone);
    this.shown = new Map(); // buttons by the name of their thing: a thing keeps the focus while the page is drawn anew
    this.stage.onpointerdown = (event) => this.press(event);
    this.stage.onpointermove = (event) => this.drag(event);
    this.stage.onpointerup = this.stage.onpointercancel = (event) => this.drop(event);
    new ResizeObserver(() => this.data && this.lay()).observe(root);
  }

  update(data, say) {
    this.data = data;
    this.say = say;
    if (this.timer) return; // a person is still moving things: what they do goes before what the server knew
    this.things = data.things.map((one) => ({ ...one }));
    if (data.active) this.active = data.active;
    this.lay();
  }

  one(name) { return this.things.find((thing) => thing.name === name); }

  lay() {
    const { data } = this, scale = Math.max(120, Math.min(WIDE * larger(), this.root.clientWidth)) / data.side;
    this.scale = scale;
    this.stage.style.width = this.stage.style.height = `${Math.round(data.side * scale)}px`;
    this.stage.style.backgroundImage = data.own ? `url("${data.own}")` : "";
    this.stage.setAttribute("aria-label", data.own ? data.words.own : data.words.label);
    for (const [name, made] of this.shown) if (!this.one(name)) { made.remove(); this.shown.delete(name); }
    for (const thing of this.things) {
      const made = this.shown.get(thing.name) ?? this.make(thing);
      made.style.left = `${thing.left * scale}px`;
      made.style.top = `${thing.top * scale}px`;
      made.style.width = made.style.height = `${data.drawn * scale}px`;
      made.classList.toggle("active", thing.name === this.active);
      made.setAttribute("aria-label", filled(data.words.thing, thing));
    }
    this.gone.replaceChildren(...this.things.map((thing) => {
      const made = element("button", "", `✕ ${thing.label}`);
      made.setAttribute("aria-label", filled(data.words.remove, thing));
      made.onclick = () => this.remove(thing.name);
      return made;
    }));
    if (data.own) this.told.textContent = data.words.own;
    else if (!this.things.length) this.told.textContent = data.words.empty;
    else if (!this.told.textContent || this.idle || this.told.textContent === this.hint) this.told.textContent = data.words.hint;
    this.hint = data.words.hint; // a screen is known to be touched only after the first run
    this.idle = Boolean(data.own) || !this.things.length; // what was said belonged to no thing
  }

  make(thing) {
    const made = element("button", "thing"), image = element("img", "");
    image.alt = "";
    image.src = thing.image;
    image.draggable = false;
    made.append(image);
    made.dataset.name = thing.name;
    made.onkeydown = (event) => this.type(event, thing.name);
    made.onfocus = () => { this.active = thing.name; this.mark(); };
    this.shown.set(thing.name, made);
    this.stage.append(made);
    return made;
  }

  mark() { for (const [name, made] of this.shown) made.classList.toggle("active", name === this.active); }

  free(place, name) {
    const most = this.data.side - this.data.drawn;
    const inside = place.left >= 0 && place.top >= 0 && place.left <= most && place.top <= most;
    return inside && !this.things.some((other) => other.name !== name && covers(place, other, this.data.drawn));
  }

  // The nearest free place; null where there is none.
  nearest(left, top, name) {
    const most = this.data.side - this.data.drawn;
    let best = null, least = Infinity;
    for (let x = 0; x <= most; x++) for (let y = 0; y <= most; y++) {
      const far = (x - left) ** 2 + (y - top) ** 2;
      if (far < least && this.free({ left: x, top: y }, name)) { least = far; best = { left: x, top: y }; }
    }
    return best;
  }

  put(thing, place) {
    if (!place) return;
    Object.assign(thing, place);
    this.told.textContent = filled(this.data.words.at, thing);
    this.lay();
  }

  at(event) {
    const box = this.stage.getBoundingClientRect(), half = this.data.drawn / 2;
    return [(event.clientX - box.left) / this.scale - half, (event.clientY - box.top) / this.scale - half];
  }

  press(event) {
    if (event.button !== 0 || this.data.own) return;
    const name = event.target.closest(".thing")?.dataset.name, thing = this.one(name ?? this.active);
    if (!thing) return;
    this.active = thing.name;
    const [x, y] = this.at(event);
    this.dragged = { thing, off: name ? [thing.left - x, thing.top - y] : [0, 0], from: [thing.left, thing.top] };
    this.stage.setPointerCapture(event.pointerId);
    this.shown.get(thing.name).focus({ preventScroll: true });
    event.preventDefault();
    if (!name) this.put(thing, this.nearest(Math.round(x), Math.round(y), thing.name)); // a click beside it brings it there
    this.mark();
  }

  drag(event) {
    if (!this.dragged) return;
    const [x, y] = this.at(event), { thing, off } = this.dragged;
    this.put(thing, this.nearest(Math.round(x + off[0]), Math.round(y + off[1]), thing.name));
  }

  drop(event) {
    if (!this.dragged) return;
    const { thing, from } = this.dragged;
    this.dragged = null;
    if (event.type === "pointercancel") this.put(thing, { left: from[0], top: from[1] });
    else if (thing.left !== from[0] || thing.top !== from[1]) this.send(0);
  }

  type(event, name) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key], thing = this.one(name);
    if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); return this.remove(name); }
    if (!step || !thing) return;
    event.preventDefault();
    const far = event.shiftKey ? 1 : STRIDE, most = this.data.side - this.data.drawn;
    for (let n = 1; n * far <= most + far; n++) { // over what lies in the way, onto the edge at last
      const place = { left: thing.left + step[0] * far * n, top: thing.top + step[1] * far * n };
      place.left = Math.max(0, Math.min(most, place.left));
      place.top = Math.max(0, Math.min(most, place.top));
      if (place.left === thing.left && place.top === thing.top) break;
      if (this.free(place, name)) { this.put(thing, place); return this.send(REST); }
    }
    this.told.textContent = filled(this.data.words.blocked, thing);
  }

  remove(name) {
    const thing = this.one(name), place = this.things.indexOf(thing);
    this.things = this.things.filter((one) => one !== thing);
    this.told.textContent = filled(this.data.words.taken, thing);
    const next = this.things[Math.min(place, this.things.length - 1)];
    if (next) this.shown.get(next.name).focus({ preventScroll: true });
    this.lay();
    this.send(0);
  }

  send(rest) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.timer = null;
      this.say(this.things.map((one) => `${one.name} ${one.left} ${one.top}`).join(", ") || "-");
    }, rest);
  }
}

const made = new WeakMap();

export default function ({ parentElement, data, setTriggerValue }) {
  const root = parentElement.querySelector(".maker");
  if (!made.has(root)) {
    made.set(root, new Maker(root));
    hearPastes(root, (file) => made.get(root).paste(file));
  }
  made.get(root).paste = (file) => setTriggerValue("pasted", file);
  made.get(root).update(data, (scene) => setTriggerValue("scene", scene));
  document.documentElement.dataset.maker = "heard";
}
