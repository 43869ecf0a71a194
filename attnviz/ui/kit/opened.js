// The models that were opened in this browser, the last first: kept in its localStorage and nowhere else.
const HELD = "attnviz.opened", MOST = 12;
const seen = { forgotten: "" };

const held = () => {
  try {
    const found = JSON.parse(localStorage.getItem(HELD)) ?? [];
    return found.filter((one) => Array.isArray(one) && one.length === 2 && one.every((part) => typeof part === "string"));
  } catch {
    return []; // a browser that keeps nothing
  }
};

function put(models) {
  try {
    localStorage.setItem(HELD, JSON.stringify(models.slice(0, MOST)));
  } catch {
    return; // no room, or not allowed: the session still has them
  }
}

export default function ({ data, setTriggerValue }) {
  if (data.forget && data.forget !== seen.forgotten) {
    seen.forgotten = data.forget;
    put([]);
  }
  if (data.keep) put([data.keep, ...held().filter((one) => String(one) !== String(data.keep))]);
  if (data.ask) {
    const known = new Set(data.known.map(String));
    const found = held().filter((one) => !known.has(String(one)));
    if (found.length) setTriggerValue("found", found);
  }
}
