// What stands round every page, mended: its language, Streamlit's own words in it, a name for what has none; and on a
// phone a bar on top (name, page, language) and, where a page asks for one, a bar at the bottom.
const state = (window.attnvizFrame ??= { names: [], words: [], leaving: {} });

const PHONE = 640, MOST_CARDS = 10; // pixels, as in page.css; columns
const ROLES = [["table", "table"], ["thead, tbody", "rowgroup"], ["tr", "row"], ["th", "columnheader"], ["td", "cell"]];

const make = (tag, name, text) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
};

// Where Streamlit says something of its own; our pages' texts are never searched.
const OWN = [
  "TopNavSection", "TopNav", "SidebarNav", "InputInstructions", "SelectboxVirtualDropdown", "StatusWidget", "Dialog", "SkipToContent",
].map((name) => `[data-testid="st${name}"]`).join() + ', [role="dialog"], [role="listbox"], .modebar-btn, [data-testid="stTooltipHoverTarget"] > button';

function say(text) {
  for (const [english, ours] of state.words) {
    const found = new RegExp(english).exec(text);
    if (found) return ours.replace("{0}", () => found[1] ?? "");
  }
  return null;
}

function translate(place) {
  const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const said = say(text.nodeValue.trim());
    if (said !== null && said !== text.nodeValue) text.nodeValue = said;
  }
  for (const name of ["data-title", "aria-label"]) {
    const said = place.hasAttribute(name) ? say(place.getAttribute(name)) : null;
    if (said !== null) place.setAttribute(name, said);
  }
}

// A table wider than a phone becomes a card a row (`page.css`); one of very many columns, or elsewhere, scrolls by keys too.
function fit(box) {
  const wide = () => box.scrollWidth > box.clientWidth + 1;
  if ("cards" in box.dataset || (innerWidth <= PHONE && wide() && headed(box).length <= MOST_CARDS)) cards(box);
  if (box.tabIndex === 0 || !wide()) return;
  box.tabIndex = 0;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", state.table);
}

const headed = (box) => [...(box.querySelector(":scope > table").tHead?.rows[0]?.cells ?? [])].map((one) => one.textContent);

// What a cell is stands above it; the roles say again what the style takes from a table.
function cards(box) {
  const table = box.querySelector(":scope > table"), heads = headed(box);
  box.dataset.cards = "";
  for (const [selector, role] of ROLES) for (const one of [table, ...table.querySelectorAll(selector)]) if (one.matches(selector)) one.setAttribute("role", role);
  for (const row of table.tBodies[0]?.rows ?? []) [...row.cells].forEach((cell, place) => { cell.dataset.head = heads[place] ?? ""; });
}

function mend() {
  state.asked = 0;
  for (const [selector, attribute, value] of state.names) {
    for (const one of document.querySelectorAll(selector)) {
      if (one.getAttribute(attribute) !== value) one.setAttribute(attribute, value);
    }
  }
  for (const box of document.querySelectorAll('[data-testid="stMarkdownContainer"]:has(> table)')) fit(box);
  for (const title of document.querySelectorAll('[data-testid="stMarkdownContainer"] > p > strong:only-child')) {
    if (title.role || title.textContent !== title.parentNode.textContent) continue;  // a line that is bold as a whole
    title.setAttribute("role", "heading");
    title.setAttribute("aria-level", "2");
  }
  if (state.words.length) document.querySelectorAll(OWN).forEach(translate);
  for (const bar of Object.values(state.bars ?? {})) if (!bar.isConnected) host(bar)?.append(bar);
  thin();
  mendHelp();
  document.documentElement.toggleAttribute("data-bottom", Boolean(state.bars?.bottom?.isConnected));
  lookForWords();
}

const app = () => document.querySelector('[data-testid="stApp"]');
const host = (bar) => document.querySelector(bar.id === "attnviz-top" ? '[data-testid="stHeader"]' : '[data-testid="stMain"]');

// A bar is kept from run to run, so that the button under the finger stays the same button.
function draw(name, { label, title, groups }, choose) {
  clearTimeout(state.leaving[name]);
  const bars = (state.bars ??= {});
  const bar = (bars[name] ??= make("section", "attnviz-bar"));
  bar.id = `attnviz-${name}`;
  bar.setAttribute("aria-label", label);
  const asked = JSON.stringify([title, groups.map(({ key, options }) => [key, options])]);
  if (bar.dataset.asked !== asked) {
    bar.dataset.asked = asked;
    bar.replaceChildren(...(title ? [make("b", "", "attnviz"), make("span", "page", title)] : []), ...groups.map(group));
  }
  for (const { key, value, name: called } of groups) {
    const box = bar.querySelector(`[data-key="${CSS.escape(key)}"]`);
    box.setAttribute("aria-label", called);
    box.firstChild.textContent = name === "top" ? "" : called;
    for (const button of box.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", button.dataset.value === value);
      button.onclick = () => choose([key, button.dataset.value]);
    }
  }
  bar.style.background = name === "top" ? "" : getComputedStyle(app()).backgroundColor;
  if (!bar.isConnected) host(bar)?.append(bar);
}

function group({ key, options }) {
  const box = make("div", "group");
  box.dataset.key = key;
  box.setAttribute("role", "group");
  box.append(make("span", "name"));
  for (const [value, label] of options) {
    const button = make("button", "", label);
    button.type = "button";
    button.dataset.value = value;
    box.append(button);
  }
  return box;
}

function leave(name) {
  state.leaving[name] = setTimeout(() => { state.bars?.[name]?.remove(); delete state.bars?.[name]; }, 400);
}

// Is the screen what the server took it for: dark or light, touched or pointed at? If not it is told, and paints again.
function compare(dark, touched, tell) {
  Object.assign(state, { taken: { dark, touched }, tell });
  state.screen ??= new MutationObserver(look);  // Streamlit gives its app another class with another theme
  state.screen.observe(app(), { attributes: true, attributeFilter: ["class"] });
  look();
}

function look() {
  const [red, green, blue] = getComputedStyle(app()).backgroundColor.match(/[\d.]+/g);
  const is = { dark: red * 0.3 + green * 0.6 + blue * 0.1 < 128, touched: matchMedia("(pointer: coarse)").matches };
  if (is.dark === state.taken.dark && is.touched === state.taken.touched) return;
  state.taken = is;
  state.tell(is);
}

export default function ({ data, setTriggerValue }) {
  if (data.language) {
    document.documentElement.lang = data.language === "zh" ? "zh-CN" : data.language;
    Object.assign(state, { names: data.names, words: data.words, table: data.table });
    state.watch ??= new MutationObserver(() => { state.asked ||= setTimeout(mend, 60); }); // pictures are painted first
    state.watch.observe(document.body, { subtree: true, childList: true, characterData: true });
    explainWords(data, (word) => setTriggerValue("word", word));
    mend();
    compare(data.dark, data.touched, (is) => setTriggerValue("screen", is));
  }
  draw(data.bar, data, (chosen) => setTriggerValue("chosen", chosen));
  return () => leave(data.bar);
}
