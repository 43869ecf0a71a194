// The sentence as text. Weights arrive as one byte each, [query, key], base64; pointing at a token colours the others.
// Cross attention has two lines: what looks (queries) above what is looked at (keys); else the two are one.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

function draw(root, data, say) {
  const maps = Object.fromEntries(Object.entries(data.maps).map(([name, text]) => [name, bytes(text)]));
  let which = root.dataset.which || "head";
  let picked = data.picked;
  let moved = null; // the open head's map while the slider of its rule is dragged
  const shares = () => (which === "head" && moved) || maps[which];
  const bar = element("div", "bar");
  const lines = [];
  const queries = data.labels.map(line(data.keys ? data.words.queries : "", data, token));
  const keys = data.keys ? data.keys.labels.map(line(data.words.keys, data.keys, source)) : queries;

  // A line of tokens under its name; hands back what adds one. `texts` tell two texts that were read as one apart,
  // `roles` who says what in a chat.
  function line(name, { rightToLeft, texts, roles }, make) {
    const box = element("div", "line");
    box.dir = rightToLeft ? "rtl" : "ltr";
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", name ? `${data.words.label}: ${name}` : data.words.label);
    if (name) lines.push(element("div", "name", name));
    lines.push(box);
    return (label, place) => {
      const made = make(label, place);
      const text = texts[place];
      if (text != null) {
        made.box.classList.add("of" + "AB"[text]);
        if (texts.indexOf(text) === place) box.append(element("span", "letter of" + "AB"[text], "AB"[text]));
      }
      const role = roles[place];
      if (role != null) {
        const whose = "by " + (["system", "user", "assistant"].includes(role) ? role : "other");
        made.box.classList.add(...whose.split(" "));
        made.face.title += ` · ${data.roleNames[role]}`;
        if (roles[place - 1] !== role) box.append(element("span", "letter " + whose, data.roleNames[role]));
      }
      if (!data.keys && place === data.border) box.append(element("span", "border", data.words.answer));
      box.append(made.box);
      return made;
    };
  }

  function face(label, special, title, name, point, number) {
    const box = element("div", "token" + (special ? " special" : "") + name);
    const face = element("button", "face", label);
    face.dir = "auto"; // ## stays before the Hebrew letters that it stands before
    face.title = title.replace("{token}", () => label);
    face.onmouseenter = face.onfocus = () => { point(); tell(number); };
    face.onmouseleave = face.onblur = () => { light(picked); tell({}); };
    const weight = element("span", "weight");
    box.append(face, weight);
    return { box, face, weight };
  }

  function token(label, place) {
    const answer = data.border !== null && place >= data.border;
    const name = (data.blank === place ? " blank" : "") + (answer ? " answer" : "");
    const made = face(label, data.special[place], data.words.look, name, () => light(place), { query: data.tokens[place] });
    made.face.onclick = () => { picked = place; light(place); say.pick(data.tokens[place]); };
    if (data.blanks) {
      const several = !data.special[place] && !data.alone[place]; // a blank is one token
      const closed = data.special[place] || several;
      const hole = element("button", "hole", closed ? "\u00a0" : data.blank === place ? "▣" : "▢");
      hole.disabled = closed;
      if (data.special[place]) hole.setAttribute("aria-hidden", "true"); // keeps the place, says nothing
      if (several) hole.ariaLabel = hole.title = data.words.several.replace("{token}", () => label);
      if (!closed) {
        hole.title = data.words.blank.replace("{token}", () => label);
        hole.setAttribute("aria-label", hole.title);
        hole.onclick = () => say.blank(data.tokens[place]);
      }
      made.box.append(hole);
    }
    return made;
  }

  // A token that is only looked at: pointing at it shows who does.
  function source(label, place) {
    return face(label, data.keys.special[place], data.words.asked, "", () => back(place), { key: data.keys.tokens[place] });
  }

  // The deepest blue leaves letters, dark or light, a contrast of 5: hence 0.7.
  function colour(tokens, weight) {
    tokens.forEach((token, place) => {
      const share = weight(place) / 255;
      token.face.style.background = `rgba(75, 151, 204, ${(0.7 * Math.sqrt(share)).toFixed(3)})`;
      token.weight.textContent = share >= 0.005 ? share.toFixed(2) : "";
    });
  }

  const mark = (tokens, chosen) => tokens.forEach(({ box }, place) => box.classList.toggle("picked", place === chosen));

  function light(query) {
    if (data.keys) { colour(queries, () => 0); mark(keys, -1); }
    colour(keys, (key) => shares()[query * keys.length + key]);
    mark(queries, query);
    join((one) => one === query);
  }

  function back(key) {
    colour(keys, () => 0);
    colour(queries, (query) => shares()[query * keys.length + key]);
    mark(queries, -1);
    mark(keys, key);
    join((_, one) => one === key);
  }

  // What is pointed at elsewhere on the page, and here: by the number of its token.
  function tell(pair) { window.dispatchEvent(new CustomEvent("attnviz-point", { detail: { from: "reader", ...pair } })); }

  function hear({ detail: { from, query, key, shares } }) {
    if (from === "reader") return;
    const [row, column] = [data.tokens.indexOf(query), (data.keys ?? data).tokens.indexOf(key)];
    light(row < 0 ? picked : row);
    if (shares?.length === queries.length && shares[0].length === keys.length) {
      colour(keys, (place) => 255 * shares[picked ?? 0][place]);
      keys.forEach(({ weight }) => { weight.textContent = ""; }); // a tile's colours may be of a row or of logarithms
    }
    keys.forEach(({ box }, place) => box.classList.toggle("pointed", place === column));
  }

  function follow({ detail: { weights } }) {
    if (!weights === !moved && !weights) return;
    moved = weights?.length === queries.length * keys.length ? weights : null;
    light(picked);
  }

  // Lines from those who look to those looked at, where a dot is; `chosen` (query, key) says which are drawn strong.
  let chosen = () => false;
  function join(now = chosen) {
    chosen = now;
    if (!root.classList.contains("joined")) return;
    const all = [...shares()].map((weight, pair) => ({
      share: weight / 255, query: Math.floor(pair / keys.length), key: pair % keys.length,
    })).filter(({ query, key }) => data.keys || query !== key);
    const strong = all.filter(({ query, key, share }) => chosen(query, key) && share >= 0.02);
    const others = all.filter((one) => !chosen(one.query, one.key) && one.share >= 0.1);
    others.sort((a, b) => b.share - a.share);
    over.innerHTML = [...others.slice(0, 100).map((one) => path(one, "other")), ...strong.map((one) => path(one, "own"))].join("");
  }

  function path({ query, key, share }, name) {
    const from = spot(queries[query].face, data.keys ? "bottom" : "top"), to = spot(keys[key].face, "top");
    if (!from || !to) return "";
    const high = Math.abs(from.y - to.y) < 4 ? Math.min(46, 8 + Math.abs(from.x - to.x) / 4) : 16;
    const bend = data.keys ? `L ${to.x} ${to.y}` : `C ${from.x} ${from.y - high} ${to.x} ${to.y - high} ${to.x} ${to.y}`;
    const strength = name === "own" ? 0.45 + 0.55 * share : 0.15 + 0.45 * share;
    return `<g class="${name}" data-pair="${query} ${key}" opacity="${strength.toFixed(2)}"><path d="M ${from.x} ${from.y} ${bend}" `
      + `stroke-width="${(0.7 + 4 * share).toFixed(1)}"/><circle cx="${to.x}" cy="${to.y}" r="${(1.5 + 2 * share).toFixed(1)}"/></g>`;
  }

  // Where a line begins or ends at a token; null where the token has been scrolled away.
  function spot(face, side) {
    const box = face.getBoundingClientRect(), seen = face.closest(".line").getBoundingClientRect(), zero = root.getBoundingClientRect();
    if (box.bottom < seen.top + 4 || box.top > seen.bottom - 4) return null;
    return { x: Math.round(box.left + box.width / 2 - zero.left), y: Math.round(box[side] - zero.top) };
  }

  ["head", "layer", "all"].forEach((name) => {
    const button = element("button", "", data.words[name]);
    button.onclick = () => { which = root.dataset.which = name; press(); light(picked); };
    button.dataset.name = name;
    bar.append(button);
  });
  const over = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  over.setAttribute("class", "over");
  over.setAttribute("aria-hidden", "true"); // the numbers below the tokens say the same
  const joining = element("button", "join", data.words.lines);
  joining.title = data.words.lines_help;
  joining.onclick = () => {
    joining.setAttribute("aria-pressed", root.classList.toggle("joined"));
    over.replaceChildren();
    join();
  };
  joining.setAttribute("aria-pressed", root.classList.contains("joined"));
  const press = () => bar.querySelectorAll("[data-name]").forEach((b) => b.setAttribute("aria-pressed", b.dataset.name === which));
  press();
  bar.append(joining);
  if (data.blanks) bar.append(element("span", "help", matchMedia("(hover: none)").matches ? data.words.tap : data.words.help));
  const at = held(root);
  root.replaceChildren(bar, ...lines, over);
  light(picked);
  for (const [name, ear] of [["attnviz-point", hear], ["attnviz-dragged", follow]]) {
    window.removeEventListener(name, root[name]);
    window.addEventListener(name, (root[name] = ear));
  }
  root.sizes?.disconnect();
  root.sizes = new ResizeObserver(() => join());
  root.sizes.observe(root);
  root.querySelectorAll(".line").forEach((box) => { box.onscroll = () => join(); });
  lines.filter((box) => box.getAttribute("role") === "group").forEach((box, number) => one(box, number === at?.line ? at : { token: picked ?? 0 }));
}

// Which token the keyboard is at: a run draws all of them anew, and whoever uses keys must not begin again.
function held(root) {
  const now = root.getRootNode().activeElement, box = now?.closest?.(".line");
  if (!box) return null;
  const all = [...box.querySelectorAll(".token")];
  return { line: [...root.querySelectorAll(".line")].indexOf(box), token: all.indexOf(now.closest(".token")), hole: now.matches(".hole"), focus: true };
}

// A line of tokens is one stop of the Tab key. Inside, arrows go from token to token (down to its ▢, up again), Home and
// End to the ends.
function one(box, { token, hole, focus }) {
  const all = [...box.querySelectorAll(".token")], buttons = [...box.querySelectorAll("button")];
  const of = (number, below) => {
    const made = all[Math.max(0, Math.min(all.length - 1, number))];
    const wanted = made?.querySelector(below ? ".hole:enabled" : ".face");
    return wanted ?? made?.querySelector(".face");
  };
  const stop = (button) => buttons.forEach((each) => { each.tabIndex = each === button ? 0 : -1; });
  const start = of(token, hole);
  stop(start);
  if (focus) start?.focus({ preventScroll: true });
  box.addEventListener("focusin", ({ target }) => target.tagName === "BUTTON" && stop(target));
  box.addEventListener("keydown", (event) => {
    const now = event.target.closest(".token"), number = all.indexOf(now), below = event.target.matches(".hole");
    const forward = box.dir === "rtl" ? "ArrowLeft" : "ArrowRight", back = box.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
    const goal = {
      [forward]: () => of(number + 1, below), [back]: () => of(number - 1, below), ArrowDown: () => of(number, true),
      ArrowUp: () => of(number, false), Home: () => of(0, below), End: () => of(all.length - 1, below),
    }[event.key]?.();
    if (!now || !goal || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    goal.focus();
  });
}

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  draw(parentElement.querySelector(".reader"), data, {
    pick: (place) => setStateValue("picked", place),
    blank: (place) => setTriggerValue("blank", place),
  });
}
