// The address bar and the history of the browser, as the session asks for them (address.py); and this tab's long texts.
// Streamlit makes a new entry of every change; here each says whether it is a step of its own. A change is made only
// where the address still says what it was when the session asked: after Back it says something else, and rules.
const EMBED = ["embed", "embed_options"]; // Streamlit's own, which the session does not see
const HELD = "attnviz.texts", ROOM = 2_000_000, MOST = 20; // characters and number of the texts that the tab keeps
const TOGETHER = 2_000; // ms between two touches of a slider that are one act
const seen = { session: "", turn: 0, stray: "", slide: "" };
const back = (window.attnvizBack ??= { path: null }); // where Back or Forward has led, while its page is on the way
const hand = { touched: 0, acts: 0 }; // when a key or the screen was last touched, and how many times after a rest

for (const kind of ["keydown", "pointerdown"])
  document.addEventListener(kind, ({ timeStamp }) => {
    if (timeStamp - hand.touched > TOGETHER) hand.acts += 1;
    hand.touched = timeStamp;
    back.path = null;
  }, true);
addEventListener("popstate", () => { seen.slide = ""; back.path = location.pathname; });

// Streamlit makes an entry for the page that a message names. A message of the run that Back has interrupted names the
// page that was left: until the page of the address has come, or somebody acts, no other page may take its place.
if (!back.push) {
  back.push = history.pushState;
  history.pushState = (state, title, url) => {
    if (back.path === null || new URL(url ?? "", location).pathname === back.path) back.push.call(history, state, title, url);
  };
}

const pairs = () => [...new URLSearchParams(location.search)];
const embeds = ([name]) => EMBED.includes(name.toLowerCase());
const read = () => Object.fromEntries(pairs().filter((pair) => !embeds(pair)));
const plain = (says) => JSON.stringify(Object.entries(says).sort(([a], [b]) => (a < b ? -1 : 1)));
const same = (a, b) => plain(a) === plain(b);

const here = ({ page, pages }) => {
  const last = location.pathname.replace(/\/+$/, "").split("/").pop();
  return page ? last === page : !pages.includes(last);
};

function write({ was, says, push, slide }) {
  if (!same(read(), was)) return;
  const sliding = slide && `${slide} ${hand.acts}`;
  if (push && sliding && sliding === seen.slide) push = false;
  seen.slide = sliding;
  const query = new URLSearchParams([...pairs().filter(embeds), ...Object.entries(says)]).toString();
  history[push ? "pushState" : "replaceState"]({}, "", location.pathname + (query && `?${query}`));
}

function follow(data, setTriggerValue) {
  if (seen.session !== data.session) Object.assign(seen, { session: data.session, turn: 0, stray: "" });
  for (const one of data.writes) {
    if (one.turn <= seen.turn) continue;
    seen.turn = one.turn;
    write(one);
  }
  const stray = location.search + plain(data.says); // the session missed a way back: it is told, once
  if (same(read(), data.says) || stray === seen.stray) return;
  seen.stray = stray;
  setTriggerValue("stray", read());
}

const held = () => {
  try {
    return JSON.parse(sessionStorage.getItem(HELD)) ?? {};
  } catch {
    return {}; // a browser that keeps nothing
  }
};

function keep(texts) {
  const found = held();
  if (Object.keys(texts).every((name) => name in found)) return;
  const all = Object.entries({ ...found, ...texts });
  while (all.length > MOST || all.reduce((sum, [, text]) => sum + text.length, 0) > ROOM) all.shift();
  try {
    sessionStorage.setItem(HELD, JSON.stringify(Object.fromEntries(all)));
  } catch {
    return; // no room, or not allowed: the session still has them
  }
}

export default function ({ data, setTriggerValue }) {
  if (data.keep) keep(data.keep);
  else if (data.ask.length) {
    const found = held();
    setTriggerValue("found", Object.fromEntries(data.ask.map((name) => [name, found[name] ?? null])));
  } else if (here(data)) {
    back.path = null;
    follow(data, setTriggerValue);
  }
}
