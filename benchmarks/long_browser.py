"""What do long texts cost in the browser? 512 tokens until drawn, and the memory of a page of 8,192 tokens.

    make bench            # or: python -m benchmarks.long_browser

512 tokens are those of all-MiniLM-L6-v2, whose trace is ready: the clock runs from the trace over both figures (all
heads, one head at full resolution) and their way into Chromium to the frame after Plotly has drawn them. 8,192 tokens
are read by lab-long on the page for long texts, which is scrolled, zoomed and switched to another head; its memory is
JavaScript's heap, and all that the renderer has to itself, as Chromium's task manager counts it. What it has resident
in all, the program's own pages that every renderer shares among them, is kept beside it.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.app_speed import FLAGS, chromium, server
from benchmarks.long_texts import Bar, at_most, small_model, small_trace

HERE = Path(__file__).parent
TURNS = 5
MAP = ".st-key-long-map .js-plotly-plot"
READY = f"""() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
  && document.querySelector('{MAP}')?._fullData?.length"""
DRAW = """async (figures) => {
  for (const [place, figure] of figures.entries()) {
    const box = document.getElementById(`figure${place}`);
    await Plotly.newPlot(box, figure.data, figure.layout);
  }
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
}"""


def drawn(browser: Browser) -> list[Bar]:
    """From a trace of 512 tokens to both figures on the screen."""
    from plotly.io.json import to_json_plotly
    from plotly.offline import get_plotlyjs

    from attnviz.figures import grid, heatmap

    with tempfile.TemporaryDirectory() as folder:
        trace = small_trace(small_model(folder), 512)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_content("<div id=figure0 style='width:700px'></div><div id=figure1 style='width:700px'></div>")
    page.add_script_tag(content=get_plotlyjs())
    times = []
    for turn in range(TURNS + 1):
        start = time.perf_counter()
        figures = [json.loads(to_json_plotly(f)) for f in (grid(trace), heatmap(trace, layer=turn, head=3))]
        page.evaluate(DRAW, figures)
        times.append(time.perf_counter() - start)
    page.close()
    return [at_most("512 tokens: until drawn in Chromium", statistics.median(times[1:]), 1.0, "s")]


def article() -> str:
    """A text of more than 8,192 tokens."""
    import tomllib

    whole = tomllib.loads((HERE.parent / "attnviz" / "content" / "long.toml").read_text(encoding="utf-8"))
    return "\n".join(one["text"] for one in whole.values()) * 4


def memory(browser: Browser) -> list[Bar]:
    """The page of 8,192 tokens: the most that it takes while someone goes about it, and how long a switch takes."""
    most = {"heap": 0.0, "own": 0.0, "resident": 0.0}
    with server("attnviz.ui") as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        meter = page.context.new_cdp_session(page)
        meter.send("Performance.enable")

        def measure() -> None:
            page.wait_for_function(READY, timeout=240_000)
            found = {each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]}
            most["heap"] = max(most["heap"], found["JSHeapUsedSize"] / 1e6)
            for kind, size in largest_renderer().items():
                most[kind] = max(most[kind], size)

        link = urlencode({"lang": "en", "model": "lab-long", "sample": "gettysburg"})
        page.goto(f"{address}/long?{link}")
        page.wait_for_function(READY, timeout=240_000)
        page.locator(".st-key-long-text textarea").fill(article())
        page.keyboard.press("Control+Enter")
        start = page.locator(".st-key-long-start button:visible")
        start.or_(page.locator(".long #token-60")).first.wait_for(timeout=240_000)
        if start.count():
            start.click()
        page.get_by_text("8,192 tokens, 4 layers").first.wait_for(timeout=240_000)
        measure()
        times = [_switch(page, head, measure) for head in (1, 3, 0, 1)]
        for key in ("+", "+", "ArrowDown", "ArrowLeft", "-", "Escape"):
            page.locator(".st-key-long-frame").press(key)
            measure()
        for share in range(11):
            page.locator(".long .box").evaluate("(box, s) => { box.scrollTop = s * box.scrollHeight / 10; }", share)
            measure()
        page.close()
    return [
        at_most("8,192 tokens: JavaScript's heap", most["heap"], 500, "MB"),
        at_most("8,192 tokens: the renderer's own memory", most["own"], 500, "MB"),
        Bar("8,192 tokens: with what it shares", most["resident"], "MB", "no bar", True),
        at_most("8,192 tokens: another head, until drawn", statistics.median(times), 5, "s"),
    ]


def _switch(page: Page, head: int, measure: object) -> float:
    """Choose another head by its picker; seconds until its map stands there."""
    begun = time.perf_counter()
    page.locator(".st-key-attention-head input").click()
    page.get_by_role("option", name=str(head), exact=True).click()
    page.wait_for_function("(head) => new URLSearchParams(location.search).get('head') === head", arg=str(head))
    page.wait_for_function(READY, timeout=240_000)
    taken = time.perf_counter() - begun
    measure()  # type: ignore[operator]
    return taken


def largest_renderer() -> dict[str, float]:
    """The memory of the largest renderer of Chromium, its own and all that is resident, in MB."""
    found = [{"own": 0.0, "resident": 0.0}]
    for process in psutil.process_iter(["cmdline"]):
        if "--type=renderer" in (process.info["cmdline"] or []):
            held = process.memory_full_info()
            found.append({"own": held.uss / 1e6, "resident": held.rss / 1e6})
    return max(found, key=lambda one: one["own"])


if __name__ == "__main__":
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        bars = [*drawn(browser), *memory(browser)]
        browser.close()
    for bar in bars:
        print(f"{'met ' if bar.met else 'MISS'}  {bar.name}: {bar.value:.3g} {bar.unit} ({bar.bar})")
    told = {bar.name: {"value": round(bar.value, 3), "unit": bar.unit, "bar": bar.bar} for bar in bars}
    (HERE / "long_browser.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
