"""How fast are the pages on pictures? First picture, a rule's effect, pointing; milliseconds as the browser sees them.

    make bench            # or: python -m benchmarks.pictures [PAGE ...]

The server is warm: somebody has opened the page before. A visitor comes with an empty cache. A picture stands there
once it is drawn and lit and says in words where something looks; a rule has its effect once those words have changed.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app_speed import EMPTY, FLAGS, chromium, page_of, server, toggles, visit

VISITORS, TIMES, POINTS = 5, 20, 24
FIRST, EFFECT, POINTING = 1000, 500, 100  # what each may take, milliseconds
# Of each page its built-in model, its query, and what in its picture is pointed at ("": places of the stage).
PAGES = {
    "seeing": ("vit-4", "", ""),
    "finding": ("detr-cells", "", ".box"),
    "captions": ("words-soft", "&way=rule", ".word"),
}
# Finds the first element of the page's picture, which may stand in a shadow of its own.
DEEP = """window.deep = (look) => {
  const own = '[data-testid^="stBidiComponent"]';
  for (const host of document.querySelectorAll(`${own}, ${own} *`)) {
    const found = (host.shadowRoot ?? host).querySelector(look);
    if (found) return found;
  }
  return null;
};
window.words = (page) => window.deep(`.${page} .said`)?.textContent || "";"""
# Notes when the picture of a page was first drawn, with its words.
WATCH = """const look = () => {
  if (document.documentElement.dataset["PAGE"] && window.words("PAGE")) window.lit = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);"""
# The milliseconds from a click on a button to the frame after the picture's words have changed.
CLICK = """async ([button, page]) => {
  const before = window.words(page), start = performance.now();
  [...document.querySelectorAll("button")].find((one) => one.textContent.trim() === button).click();
  while (!window.words(page) || window.words(page) === before) {
    await new Promise(requestAnimationFrame);
    if (performance.now() - start > 20000) return NaN;
  }
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
# The milliseconds from pointing at a place, a box or a word to the frame after the words have changed; NaN where they
# did not have to.
POINT = """async ([page, look, number]) => {
  const stage = window.deep(`.${page} .stage`), root = (stage ?? window.deep(`.${page}`)).getRootNode();
  const before = window.words(page), start = performance.now();
  if (look) {
    const all = [...root.querySelectorAll(look)], one = all[number % all.length];
    for (const kind of ["pointerenter", "mouseenter"]) one.dispatchEvent(new PointerEvent(kind, {}));
  } else {
    const box = stage.getBoundingClientRect();
    const across = (0.5 + (number % 5)) / 7, down = (0.5 + Math.floor(number / 5)) / 7;
    stage.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: box.left + across * box.width,
      clientY: box.top + down * box.height }));
  }
  while (window.words(page) === before && performance.now() - start < 2000) await new Promise(requestAnimationFrame);
  if (window.words(page) === before) return null;
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""


def opened(browser: Browser, address: str, name: str) -> tuple[Page, float]:
    """A new visitor on a page, and when the lit picture first stood there."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
    page.add_init_script(DEEP + WATCH.replace("PAGE", name))
    page.goto(f"{address}/{name}?lang=en{PAGES[name][1]}", wait_until="commit")
    page.wait_for_function("() => window.lit", timeout=120_000)
    return page, page.evaluate("() => window.lit")


def ruled(page: Page, name: str) -> list[float]:
    """Milliseconds of each toggle between soft and hard, to the picture that follows."""
    found = []
    for number in range(TIMES + 2):
        page.wait_for_timeout(400)
        found.append(page.evaluate(CLICK, ["Soft" if number % 2 else "Hard", name]))
    return found[2:]


def measured(browser: Browser, names: list[str]) -> dict[str, tuple[float, float | None]]:
    """All figures by what they are of, each with what it may be at most (None: it is there to compare with)."""
    with page_of(EMPTY) as address:
        empty = [visit(browser, address, ".answer") for _ in range(2)]
        rerun = toggles(empty[1][0], ".answer")
    found: dict[str, tuple[float, float | None]] = {
        "text box of an empty Streamlit page": (empty[1][1]["control"], None),
        "empty Streamlit rerun, median of 20": (statistics.median(rerun), None),
    }
    with server("attnviz.ui") as address:
        for name in names:
            found |= _of_page(browser, address, name)
    return found


def _of_page(browser: Browser, address: str, name: str) -> dict[str, tuple[float, float | None]]:
    """The figures of one page."""
    model, _, look = PAGES[name]
    opened(browser, address, name)[0].close()
    visits = [opened(browser, address, name) for _ in range(VISITORS)]
    page = visits[-1][0]
    page.wait_for_timeout(2000)
    rule = ruled(page, name)
    told = [page.evaluate(POINT, [name, look, number]) for number in range(POINTS)]
    points = [one for one in told if one is not None]
    for one, _ in visits:
        one.close()
    return {
        f"{name}: picture lit, median of {VISITORS} new visitors of a warm server": (
            statistics.median(lit for _, lit in visits), FIRST,
        ),
        f"{name}: soft/hard to the picture of {model}, median of {TIMES}": (statistics.median(rule), EFFECT),
        f"{name}: soft/hard to the picture of {model}, slowest of {TIMES}": (max(rule), EFFECT),
        f"{name}: pointing to what is said, median of {len(points)}": (statistics.median(points), POINTING),
    }  # fmt: skip


def main() -> None:
    """Print the table."""
    names = sys.argv[1:] or list(PAGES)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        found = measured(browser, names)
        browser.close()
    print("| milliseconds | | at most |")
    print("|---|--:|--:|")
    for name, (value, most) in found.items():
        mark = "" if most is None else f"{most:.0f}" + (" (missed)" if value > most else "")
        print(f"| {name} | {value:.0f} | {mark} |")
    kept = {name: round(value) for name, (value, _) in found.items()}
    if names == list(PAGES):
        Path(__file__).with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
