"""How fast is the app? First visit, second visitor, toggle to repaint, beside an empty Streamlit rerun.

    make bench            # or: python -m benchmarks.app_speed

Starts its own servers on free ports and drives them in headless Chromium. Times are milliseconds as the browser's clock
sees them: from the click to the frame after the heatmap's picture has changed.
"""

from __future__ import annotations

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

from playwright.sync_api import Browser, Page, sync_playwright

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
EMPTY = """import streamlit as st
st.segmented_control("rule", ["Soft", "Hard"], default="Soft", key="rule")
st.html(f"<p class='answer'>{st.session_state.rule}</p>")
"""
# Resolves with the milliseconds from the click to the frame after `what` says something else than before.
CLICK = """async ([button, look]) => {
  const read = () => { const e = document.querySelector(look); return e && (e.getAttribute("href") || e.textContent); };
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


@contextlib.contextmanager
def server(script: Path) -> Iterator[str]:
    """A Streamlit server of its own; yields its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.headless", "true"]
    command += ["--server.port", str(port), "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://localhost:{port}"
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/_stcore/health") as answer:
                if answer.status == 200:
                    break
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()


def visit(browser: Browser, address: str) -> tuple[Page, float, float]:
    """Open the page as a new visitor; milliseconds until its text box and until its heatmap stand there."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US").new_page()
    start = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_selector("[data-testid=stTextInput] input", timeout=120_000)
    skeleton = time.perf_counter() - start
    page.wait_for_selector(PICTURE, timeout=120_000)
    return page, skeleton * 1000, (time.perf_counter() - start) * 1000


def toggles(page: Page, look: str, times: int = 20) -> list[float]:
    """Toggle between soft and hard; milliseconds of each toggle."""
    found = []
    for number in range(times + 2):
        page.wait_for_timeout(400)
        found.append(page.evaluate(CLICK, ["Soft" if number % 2 else "Hard", look]))
    return found[2:]


def measure() -> dict[str, float]:
    """All figures by name, milliseconds."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
        empty = Path(folder) / "empty.py"
        empty.write_text(EMPTY, encoding="utf-8")
        with server(empty) as address:
            page = browser.new_page()
            page.goto(address)
            page.wait_for_selector(".answer")
            rerun = toggles(page, ".answer")
        with server(ROOT / "app.py") as address:
            _, skeleton, first = visit(browser, address)
            page, skeleton_second, second = visit(browser, f"{address}/?model=lab-4&text={TEXT.replace(' ', '%20')}")
            page.wait_for_timeout(3000)
            redraw = toggles(page, PICTURE)
            page.get_by_role("radio", name="run with it").click(force=True)
            page.wait_for_timeout(2000)
            run = toggles(page, PICTURE)
        browser.close()
    return {
        "skeleton, first visit to a cold server": skeleton,
        "heatmap, first visit to a cold server": first,
        "skeleton, second visitor": skeleton_second,
        "heatmap, second visitor": second,
        "empty Streamlit rerun, median of 20": statistics.median(rerun),
        "toggle soft/hard, redraw, median of 20": statistics.median(redraw),
        "toggle soft/hard, redraw, slowest of 20": max(redraw),
        "toggle soft/hard, run with it, median of 20": statistics.median(run),
    }


if __name__ == "__main__":
    figures = measure()
    for name, value in figures.items():
        print(f"{name:48s} {value:8.0f} ms")
    (Path(__file__).parent / "app_speed.json").write_text(
        json.dumps({k: round(v) for k, v in figures.items()}, indent=2) + "\n"
    )
