// Hours hidden by hand: dragged over with the mouse or a finger, or marked by keys. A stretch that begins where nothing
// is hidden is hidden, one that begins on what is hidden, by hand or by the list, is shown again.
const LEAST = 5; // pixels from which on a press is a drag

class Hiding {
  constructor(picture) {
    this.picture = picture;
    this.marked = null; // [where it began, where it is now], both included
    this.drag = null;
    const { svg } = picture;
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    svg.addEventListener("pointerup", (event) => this.release(event));
    svg.addEventListener("pointercancel", () => this.leave());
    svg.addEventListener("click", (event) => { if (this.dragged) event.stopImmediatePropagation(); this.dragged = false; }, true);
  }

  get past() { return this.picture.data.past.length; }

  // What is hidden now, step by step.
  gone() {
    return new Set(this.picture.data.taken.flatMap(([before, after]) => Array.from({ length: before - after }, (_, n) => this.past - before + n)));
  }

  press(event) {
    this.dragged = false;
    const step = this.picture.stepUnder(event);
    if (event.button !== 0 || !this.picture.data?.forecast || step === null || step >= this.past) return;
    this.drag = { from: event.clientX, first: step };
  }

  move(event) {
    if (!this.drag) return;
    if (!this.marked && Math.abs(event.clientX - this.drag.from) < LEAST) return;
    const { svg } = this.picture;
    if (!svg.hasPointerCapture?.(event.pointerId)) svg.setPointerCapture?.(event.pointerId);
    this.marked = [this.drag.first, Math.max(0, Math.min(this.past - 1, this.picture.stepAt(event)))];
    this.picture.light();
  }

  release() {
    const over = this.drag && this.marked;
    this.drag = null;
    if (!over) return;
    this.dragged = true;
    this.take();
  }

  leave() {
    this.drag = this.marked = null;
    this.picture.light();
  }

  take() {
    const [begun, now] = this.marked, gone = this.gone(), show = gone.has(begun);
    for (let step = Math.min(begun, now); step <= Math.max(begun, now); step += 1) show ? gone.delete(step) : gone.add(step);
    this.marked = null;
    this.picture.light();
    this.picture.say("hidden", this.written(gone));
  }

  // As a link has it: stretches from so many steps before the forecast up to so many.
  written(gone) {
    const found = [];
    [...gone].sort((a, b) => a - b).forEach((step) => {
      const last = found.at(-1);
      if (last && last[1] === step) last[1] = step + 1; else found.push([step, step + 1]);
    });
    return found.map(([first, last]) => `${this.past - first}-${this.past - last}`).join(".");
  }

  // Is a key for the marking of a stretch? H begins and leaves it, arrows move, with Shift widen, Enter takes it.
  type(event) {
    const { key } = event;
    if (key.toLowerCase() === "h") this.marked = this.marked ? null : [this.past - 1, this.past - 1];
    else if (!this.marked) return false;
    else if (key === "Escape") this.marked = null;
    else if (key === "Enter" || key === " ") { event.preventDefault(); this.take(); return true; }
    else {
      const [begun, now] = this.marked, far = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 6, PageDown: -6, Home: -this.past, End: this.past }[key];
      if (far === undefined) return false;
      const to = Math.max(0, Math.min(this.past - 1, now + far));
      this.marked = [event.shiftKey ? begun : to, to];
    }
    event.preventDefault();
    this.picture.light();
    return true;
  }

  // The stretch that is marked, drawn; and said, while keys mark it.
  drawn() {
    if (!this.marked) return [];
    const { picture } = this, [first, last] = [Math.min(...this.marked), Math.max(...this.marked)];
    const x = picture.x(first) - picture.each / 2;
    return [drawn("rect", { x, y: SPACE.top, width: (last - first + 1) * picture.each, height: SPACE.plot, class: "marked" })];
  }

  get said() {
    const { labels, words } = this.picture.data, [first, last] = [Math.min(...this.marked), Math.max(...this.marked)];
    return filled(words.marking, { first: labels[first], last: labels[last], count: last - first + 1 });
  }
}
