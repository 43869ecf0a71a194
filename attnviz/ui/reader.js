// The sentence as text. Weights arrive as one byte each, [query, key], base64; pointing at a token colours the others.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const element = (tag, name, text) => {
  const made = document.createElement(tag);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

function draw(root, data, say) {
  const count = data.labels.length;
  const maps = Object.fromEntries(Object.entries(data.maps).map(([name, text]) => [name, bytes(text)]));
  let which = root.dataset.which || "head";
  let picked = data.picked;
  const bar = element("div", "bar");
  const line = element("div", "line");
  line.setAttribute("role", "group");
  line.setAttribute("aria-label", data.words.label);
  const tokens = data.labels.map((label, place) => token(label, place));

  function token(label, place) {
    const box = element("div", "token" + (data.special[place] ? " special" : "") + (data.blank === place ? " blank" : ""));
    const face = element("button", "face", label);
    face.title = data.words.look.replace("{token}", () => label);
    face.onmouseenter = face.onfocus = () => light(place);
    face.onmouseleave = face.onblur = () => light(picked);
    face.onclick = () => { picked = place; light(place); say.pick(place); };
    const weight = element("span", "weight");
    box.append(face, weight);
    if (data.blanks) {
      const hole = element("button", "hole", data.special[place] ? "\u00a0" : data.blank === place ? "▣" : "▢");
      hole.disabled = data.special[place];
      if (!hole.disabled) {
        hole.title = data.words.blank.replace("{token}", () => label);
        hole.setAttribute("aria-label", hole.title);
        hole.onclick = () => say.blank(place);
      }
      box.append(hole);
    }
    line.append(box);
    return { box, face, weight };
  }

  function light(query) {
    const row = maps[which].subarray(query * count, (query + 1) * count);
    tokens.forEach(({ box, face, weight }, place) => {
      const share = row[place] / 255;
      face.style.background = `rgba(75, 151, 204, ${Math.sqrt(share).toFixed(3)})`;
      weight.textContent = share >= 0.005 ? share.toFixed(2) : "";
      box.classList.toggle("picked", place === query);
    });
  }

  ["head", "layer", "all"].forEach((name) => {
    const button = element("button", "", data.words[name]);
    button.onclick = () => { which = root.dataset.which = name; press(); light(picked); };
    button.dataset.name = name;
    bar.append(button);
  });
  const press = () => bar.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", b.dataset.name === which));
  press();
  if (data.blanks) bar.append(element("span", "help", data.words.help));
  root.replaceChildren(bar, line);
  light(picked);
}

export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  draw(parentElement.querySelector(".reader"), data, {
    pick: (place) => setStateValue("picked", place),
    blank: (place) => setTriggerValue("blank", place),
  });
}
