"""How fast is the app? First visit, second visitor, toggle to repaint, beside an empty Streamlit rerun.

    make bench            # or: python -m benchmarks.app_speed

Starts its own servers on free ports and drives them in headless Chromium. Times are milliseconds as the browser's clock
sees them: from the click to the frame after the heatmap's picture has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from attnviz.ui import registry

ROOT = Path(__file__).parents[1]
TEXT = "The dog chased the cat because it was hungry, and then it slept."  # 20 tokens of lab-4 with [CLS] and [SEP]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURE = ".st-key-attention-heatmap .hm image"
LAID = "canvas.dragged"  # over the heatmap, until the server has answered
EMPTY = """import streamlit as st
st.text_input("text")
st.segmented_control("rule", ["Soft", "Hard"], default="Soft", key="rule")
st.html(f"<p class='answer'>{st.session_state.rule}</p>")
"""
ONE_CHART = """import streamlit as st, plotly.graph_objects as go
st.text_input("text")
with st.container(key="attention-heatmap"):
    st.plotly_chart(go.Figure({"data": [{"type": "heatmap", "z": [[1, 2], [3, 4]]}], "layout": {"template": "none"}}))
"""
# Notes in `seen` after how many milliseconds of the visit each part first stood there.
WATCH = """const parts = {
  skeleton: "[data-testid=stAppSkeleton], [data-testid=stApp] *",
  control: ":is([data-testid=stTextInput] input, [data-testid=stTextArea] textarea)",
  heatmap: "PICTURE", first: "#attnviz-first svg, PICTURE",
};
window.seen = {};
new MutationObserver(() => {
  for (const [name, look] of Object.entries(parts))
    if (!(name in seen) && document.querySelector(look)) seen[name] = performance.now();
}).observe(document, { subtree: true, childList: true, attributes: true });
""".replace("PICTURE", PICTURE)
# What was seen; `painted` is when the browser first put anything on the screen, and what that was.
SEEN = """() => ({ ...seen, painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime })"""
# Resolves with the milliseconds from the click to the frame after `what` says something else than before.
CLICK = """async ([button, look]) => {
  const read = () => {
    const one = document.querySelector(look);
    return one && (one.getAttribute("href") || one.textContent || one.className);
  };
  const before = read();
  const target = [...document.querySelectorAll("button")].find((b) => b.textContent.trim() === button);
  const start = performance.now();
  target.click();
  for (;;) {
    await new Promise(requestAnimationFrame);
    const now = read();
    if (now && now !== before) { await new Promise(requestAnimationFrame); return performance.now() - start; }
    if (performance.now() - start > 20000) return NaN;
  }
}"""

# One step of the temperature's slider; resolves with the milliseconds to the frame after the head follows it.
DRAG = """async (key) => {
  const slider = document.querySelector(".st-key-attention-temperature input"), start = performance.now();
  slider.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const next = Number(slider.value) + (key === "ArrowRight" ? 0.1 : -0.1);
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(slider, next);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  slider.dispatchEvent(new Event("change", { bubbles: true }));
  for (;;) {
    await new Promise(requestAnimationFrame);
    const follows = document.querySelector("LAID");
    if (follows) { await new Promise(requestAnimationFrame); return performance.now() - start; }
    if (performance.now() - start > 5000) return NaN;
  }
}""".replace("LAID", LAID)

PAGES = [screen.name for screen in registry.screens() if screen.name != "attention"]
START = 300  # seconds until a server answers
WITHOUT_CHART = ("family",)
TIMES = 3
SETTLED = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
  && document.querySelector('[data-testid="stMain"] [data-testid="stMarkdownContainer"]')
  && [...document.querySelectorAll('[data-testid="stPlotlyChart"]')].every((one) => one.querySelector('.main-svg'))"""
# Notes what stands on the page and the time; then the milliseconds until there is a picture that did not (or a line),
# of Plotly, of a component of our own, or an image.
BEFORE = """() => {
  const looks = '.js-plotly-plot, [data-testid^="stBidiComponent"], img, p';
  window.old = new Set([...document.querySelectorAll('[data-testid="stMain"]')].flatMap((main) =>
    [...main.querySelectorAll(looks)]));
  window.began = performance.now();
}"""
AFTER = """([path, words]) => {
  const all = (look) => [...document.querySelectorAll('[data-testid="stMain"]')].flatMap((main) =>
    [...main.querySelectorAll(look)]);
  const isNew = (one) => !window.old.has(one.closest('.js-plotly-plot') ?? one);
  const pictured = (one) => one.offsetHeight > 100 && [one, ...one.querySelectorAll('*')].some((part) =>
    (part.shadowRoot ?? part).querySelector('svg, img, canvas'));
  const there = words ? all('p').some(isNew) : all('.js-plotly-plot .main-svg').some(isNew)
    || all('[data-testid^="stBidiComponent"]').some((one) => isNew(one) && pictured(one))
    || all('img').some((one) => isNew(one) && one.complete && one.offsetHeight > 40);
  return location.pathname === path && there && performance.now() - began;
}"""


def chromium(*first: str) -> str | None:
    """The system's Chromium, `first` those of these names; CHROMIUM names another."""
    names = (*first, "chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def server(*start: str) -> Iterator[str]:
    """A server of its own, begun as `python -m START`; yields its address once it answers."""
    quiet = ("--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false")
    with running(*start, *quiet) as (port, _):
        yield f"http://localhost:{port}"


@contextlib.contextmanager
def running(*start: str, log: Path = Path(os.devnull)) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server on a free port, begun as `python -m START`; yields its port and its program once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", *start, "--server.headless", "true", "--server.port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait(process, port, log)
            yield port, process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers. Ends the benchmark where it does not."""
    until, health = time.monotonic() + START, f"http://localhost:{port}/_stcore/health"
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(health, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def visit(browser: Browser, address: str, until: str = PICTURE) -> tuple[Page, dict[str, float]]:
    """Open the page as a new visitor, with an empty cache; milliseconds until each part stood there."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
    page.add_init_script(WATCH)
    page.goto(address, wait_until="commit")
    page.wait_for_function("(look) => seen.control && document.querySelector(look)", arg=until, timeout=120_000)
    return page, page.evaluate(SEEN)


def toggles(page: Page, look: str, times: int = 20, pause: float = 400) -> list[float]:
    """Toggle between soft and hard, each time after a pause; milliseconds of each toggle."""
    found = []
    for number in range(times + 2):
        page.wait_for_timeout(pause)
        found.append(page.evaluate(CLICK, ["Soft" if number % 2 else "Hard", look]))
    return found[2:]


@contextlib.contextmanager
def page_of(code: str) -> Iterator[str]:
    """A server of a Streamlit page that is nothing but this code."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "page.py"
        script.write_text(code, encoding="utf-8")
        with server("streamlit", "run", str(script)) as address:
            yield address


def visits(browser: Browser) -> dict[str, float]:
    """The first and the second visitor of a fresh server, beside pages that hold next to nothing; milliseconds."""
    with page_of(EMPTY) as address:
        empty = [visit(browser, address, ".answer")[1] for _ in range(2)]
    with page_of(ONE_CHART) as address:
        chart = [visit(browser, address)[1] for _ in range(2)]
    with server("attnviz.ui") as address:
        queries = ("/?lang=en", f"/?model=lab-4&text={TEXT.replace(' ', '%20')}")
        ours = [visit(browser, f"{address}{query}")[1] for query in queries]
    found = {}
    for number, who in enumerate(("first visitor", "second visitor")):
        found |= {
            f"{who}: skeleton": ours[number]["skeleton"],
            f"{who}: heatmap painted": max(ours[number]["first"], ours[number]["painted"]),
            f"{who}: text box": ours[number]["control"],
            f"{who}: text box of an empty Streamlit page": empty[number]["control"],
            f"{who}: heatmap that answers to clicks": ours[number]["heatmap"],
            f"{who}: a Streamlit page of one 2 x 2 heatmap": chart[number]["heatmap"],
        }
    return found


def drags(page: Page, times: int = 20) -> list[float]:
    """Move the temperature's slider a step at a time; milliseconds of each until the head follows."""
    found = []
    for number in range(times + 2):
        found.append(page.evaluate(DRAG, "ArrowRight" if number < times else "ArrowLeft"))
        page.wait_for_timeout(1000)  # the server answers, and what lies over the heatmap goes
    return found[2:]


def reruns(browser: Browser) -> dict[str, float]:
    """What a toggle costs, beside a rerun of an empty page; milliseconds."""
    with page_of(EMPTY) as address:
        rerun = toggles(visit(browser, address, ".answer")[0], ".answer")
    with server("attnviz.ui") as address:
        page, _ = visit(browser, f"{address}/?model=lab-4&text={TEXT.replace(' ', '%20')}")
        page.wait_for_timeout(3000)
        redraw = toggles(page, PICTURE)
        dragged = drags(page)
        pressed = toggles(page, LAID, pause=1000)  # until the server has answered, and what is laid has gone
        page.get_by_role("radio", name="run with it").click(force=True)
        page.wait_for_timeout(2000)
        run = toggles(page, PICTURE)
    return {
        "empty Streamlit rerun, median of 20": statistics.median(rerun),
        "toggle soft/hard, redraw, to the head as it will be drawn, median of 20": statistics.median(pressed),
        "toggle soft/hard, redraw, median of 20": statistics.median(redraw),
        "toggle soft/hard, redraw, slowest of 20": max(redraw),
        "a step of the slider to the head that follows it, median of 20": statistics.median(dragged),
        "toggle soft/hard, run with it, median of 20": statistics.median(run),
    }


def go(page: Page, name: str) -> float:
    """Click on a page's name; milliseconds until its first picture stands there."""
    path = "/" if name == "attention" else f"/{name}"
    link = page.locator(f'a[href$="{path}"]:visible').first
    for section in page.get_by_test_id("stTopNavSection").all() if not link.count() else []:
        section.click()  # the section before closes
        with contextlib.suppress(TimeoutError):
            link.wait_for(timeout=2000)
            break
    page.evaluate(BEFORE)
    link.click()
    taken = page.wait_for_function(AFTER, arg=[path, name in WITHOUT_CHART], polling="raf").json_value()
    page.wait_for_function(SETTLED, timeout=240_000)
    page.wait_for_timeout(1000)
    return float(taken)


def openings(browser: Browser) -> dict[str, float]:
    """From a click on a page's name to its first picture, on a server where it has been seen before; milliseconds.

    A page that begins without a chart (the map) counts by its first line.
    """
    found = {}
    with server("attnviz.ui") as address:
        page, _ = visit(browser, f"{address}/?lang=en")  # a first visitor of the bare address meets the lesson
        page.wait_for_timeout(3000)
        for name in PAGES:
            times = []
            for _ in range(TIMES + 1):
                times.append(go(page, name))
                go(page, "attention")
            found[f"open {name}: first picture, median of {TIMES}"] = statistics.median(times[1:])
        page.close()
    return found


def measure() -> dict[str, float]:
    """All figures by name, milliseconds."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        found = visits(browser) | reruns(browser) | openings(browser)
        browser.close()
    return found


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    figures = measure()
    for name, value in figures.items():
        print(f"{name:66s} {value:8.0f} ms")
    (Path(__file__).parent / "app_speed.json").write_text(
        json.dumps({k: round(v) for k, v in figures.items()}, indent=2) + "\n"
    )
