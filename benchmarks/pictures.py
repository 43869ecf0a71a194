"""How fast is the page on pictures? First picture, a rule's effect, pointing; milliseconds as the browser sees them.

    make bench            # or: python -m benchmarks.pictures

The server is warm: somebody has opened the page before. A visitor comes with an empty cache.
"""

from __future__ import annotations

import json
import shutil
import statistics
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app_speed import EMPTY, FLAGS, page_of, server, toggles, visit

LIT = ".seeing .stage img"
VERDICT = "[data-testid=stMain] .effect"
POINTS = 24
# Notes when the picture first stood there, drawn.
WATCH = """new MutationObserver(() => {
  const image = document.querySelector("LIT");
  if (image && image.complete && !window.lit) window.lit = performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true });""".replace("LIT", LIT)
# The milliseconds from moving onto a patch to the frame after the sentence has changed.
POINT = """async ([across, down]) => {
  const stage = document.querySelector(".seeing .stage"), said = document.querySelector(".seeing .said");
  const box = stage.getBoundingClientRect(), before = said.textContent, start = performance.now();
  stage.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX: box.left + across * box.width,
    clientY: box.top + down * box.height }));
  while (said.textContent === before && performance.now() - start < 2000) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""


def opened(browser: Browser, address: str) -> tuple[Page, float]:
    """A new visitor on the page, and when the lit picture first stood there."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
    page.add_init_script(WATCH)
    page.goto(f"{address}/seeing?lang=en", wait_until="commit")
    page.wait_for_function("() => window.lit", timeout=120_000)
    return page, page.evaluate("() => window.lit")


def measured(browser: Browser) -> dict[str, float]:
    """All figures by what they are of."""
    with page_of(EMPTY) as address:
        empty = [visit(browser, address, ".answer") for _ in range(2)]
        rerun = toggles(empty[1][0], ".answer")
    with server("attnviz.ui") as address:
        opened(browser, address)
        times = [opened(browser, address) for _ in range(5)]
        page = times[-1][0]
        page.wait_for_timeout(2000)
        rule = toggles(page, VERDICT)
        points = [page.evaluate(POINT, [(0.5 + n % 5) / 7, (0.5 + n // 5) / 7]) for n in range(POINTS)]
    return {
        "text box of an empty Streamlit page": empty[1][1]["control"],
        "picture lit, median of 5 new visitors of a warm server": statistics.median(found for _, found in times),
        "empty Streamlit rerun, median of 20": statistics.median(rerun),
        "soft/hard to what vit-4 says now, median of 20": statistics.median(rule),
        "soft/hard to what vit-4 says now, slowest of 20": max(rule),
        f"pointing to the sentence, median of {POINTS}": statistics.median(points),
    }


def main() -> None:
    """Print the table."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        found = measured(browser)
        browser.close()
    for name, value in found.items():
        print(f"| {name} | {value:.0f} |")
    kept = {name: round(value) for name, value in found.items()}
    Path(__file__).with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
