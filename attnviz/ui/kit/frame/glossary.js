// The words of the field, explained: the first of each that the page's own texts say is dotted, and a click on it says in
// one sentence what it means. Nothing that Streamlit drew is changed: ranges are painted, and a click is looked up in them.
const glossary = (window.attnvizGlossary ??= { words: [], ranges: [], asked: 0 });
const SAID = '[data-testid="stMain"] :is([data-testid="stMarkdownContainer"], [data-testid="stCaptionContainer"])';
const NOT_SAID = "button, a, label, summary, input, textarea, .katex, code, [role='heading'], [data-testid='stWidgetLabel'], .st-key-help";

function findWords() {
  glossary.asked = 0;
  const open = new Map(glossary.words.map((word) => [word, new RegExp(word.forms, "i")]));
  glossary.ranges = [];
  for (const place of document.querySelectorAll(SAID)) {
    if (place.closest(NOT_SAID)) continue;
    const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text && open.size; text = texts.nextNode()) {
      if (!text.parentElement.closest(NOT_SAID)) for (const [word, form] of open) if (mark(text, word, form)) open.delete(word);
    }
  }
  CSS.highlights.set("attnviz-word", new Highlight(...glossary.ranges.map(({ range }) => range)));
}

function mark(text, word, form) {
  const found = form.exec(text.nodeValue);
  if (!found) return false;
  const [from, to] = [found.index, found.index + found[0].length];
  if (glossary.ranges.some(({ range }) => range.startContainer === text && range.startOffset < to && from < range.endOffset)) return false;
  const range = document.createRange();
  range.setStart(text, from);
  range.setEnd(text, to);
  return glossary.ranges.push({ range, word });
}

// The word at a point of the screen. A caret may stand beside the letter that is meant, so the boxes decide.
function wordAt({ clientX, clientY }) {
  const inside = ({ left, right, top, bottom }) => left <= clientX && clientX <= right && top <= clientY && clientY <= bottom;
  return glossary.ranges.find(({ range }) => range.startContainer.isConnected && [...range.getClientRects()].some(inside));
}

function explain({ range, word }) {
  const box = (glossary.box ??= document.body.appendChild(Object.assign(document.createElement("div"), { id: "attnviz-word", popover: "auto" })));
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-label", word.name);
  const [name, says, go] = ["b", "p", "button"].map((tag) => document.createElement(tag));
  Object.assign(go, { type: "button", textContent: glossary.go.replace("{page}", () => word.page), onclick: () => { box.hidePopover(); glossary.goTo(word.key); } });
  [name.textContent, says.textContent] = [word.name, word.says];
  box.replaceChildren(name, says, ...(word.page === glossary.title ? [] : [go]));
  const app = getComputedStyle(document.querySelector('[data-testid="stApp"]'));
  Object.assign(box.style, { background: app.backgroundColor, color: app.color });
  box.showPopover();
  const at = range.getBoundingClientRect(), below = at.bottom + 6, { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  box.style.top = `${below + height < innerHeight ? below : Math.max(8, at.top - height - 6)}px`;
}

function listen() {
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.(SAID) || event.target.closest(NOT_SAID) || getSelection().toString()) return;
    const found = wordAt(event);
    if (found) explain(found);
  });
  document.addEventListener("pointermove", (event) => {
    const place = event.target.closest?.(SAID);
    if (glossary.over && glossary.over !== place) glossary.over.style.cursor = "";
    glossary.over = place;
    if (place) place.style.cursor = wordAt(event) ? "help" : "";
  });
}

function explainWords({ language, go, title }, goTo) {
  if (!CSS.highlights || !HTMLElement.prototype.showPopover) return;  // the page's help has all of them
  if (!glossary.goTo) listen();
  Object.assign(glossary, { goTo, go, title, words: WORDS[language].map(([key, name, forms, says, page]) => ({ key, name, forms, says, page })) });
  lookForWords();
}

// After what changed on the page has settled.
function lookForWords() {
  if (!glossary.goTo) return;
  clearTimeout(glossary.asked);
  glossary.asked = setTimeout(findWords, 250);
}

