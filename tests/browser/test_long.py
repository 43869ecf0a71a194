"""The page for long texts in a browser: boxes, keys, search, the text itself, a run that is stopped, 8,192 tokens."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect
from transformers import PreTrainedTokenizerBase

from attnviz import load, record
from attnviz.ui.pages.long.choices import sample
from tests.browser.person import PATIENCE, Visit
from tests.parity import tiny

Start = Callable[..., Visit]
MAP = ".st-key-long-map .js-plotly-plot"
MOST_MEGABYTES = 500
READY = f"""() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
  && document.documentElement.dataset.longMap && document.querySelector('{MAP}')?._fullData?.length"""
ARTICLE = "\n".join(sample(name) for name in ("gettysburg", "alice", "yueyang"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A tiny decoder that reads 8,192 tokens."""
    tokenizer = deepcopy(load("lab-4").tokenizer)
    tokenizer.model_max_length = 8192
    folder = tmp_path_factory.mktemp("llama")
    numbers = {"max_position_embeddings": 8192, "num_hidden_layers": 2}
    return str(tiny.save("causal", "llama", folder, tokenizer, **numbers))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A decoder that needs many seconds for some thousand tokens, so that there is time to stop it."""
    tokenizer = deepcopy(load("lab-4").tokenizer)
    tokenizer.model_max_length = 4096
    numbers = {"n_layer": 48, "n_embd": 384, "n_inner": 1536, "n_head": 12, "n_positions": 4096}
    return str(tiny.save("causal", "gpt2", tmp_path_factory.mktemp("slow"), tokenizer, **numbers))


def opened(visit: Start, **link: str) -> Visit:
    short = {"model": "lab-4", "sample": "gettysburg"}
    one = visit({"lang": "en", **short, **link}, name="long")
    return begun(one)


def begun(one: Visit) -> Visit:
    """Press Start where a busy machine makes the page ask first, and wait for the map."""
    start = one.page.locator(".st-key-long-start button:visible")
    start.or_(one.page.locator(MAP)).first.wait_for(timeout=PATIENCE * 1000)  # 10 s of a free processor
    if start.count():
        start.click()
    one.page.wait_for_function(READY, timeout=PATIENCE * 1000)
    return one


def drag(one: Visit, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw a box on the map; the corners as shares of its width and height."""
    plot = one.page.locator(f"{MAP} .nsewdrag").first
    plot.scroll_into_view_if_needed()
    area = plot.bounding_box()
    assert area is not None
    (x0, y0), (x1, y1) = (
        (area["x"] + x * area["width"], area["y"] + y * area["height"]) for x, y in (start, end)
    )  # fmt: skip
    one.page.mouse.move(x0, y0)
    one.page.mouse.down()
    one.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    one.page.mouse.move(x1, y1)
    one.page.mouse.up()


def window(one: Visit) -> tuple[int, ...]:
    """q0, q1, k0, k1 of the address, once they stand there."""
    one.page.wait_for_function("() => new URLSearchParams(location.search).has('q0')")
    found = parse_qs(urlsplit(one.page.url).query)
    return tuple(int(found[name][0]) for name in ("q0", "q1", "k0", "k1"))


def labels(one: Visit, axis: str) -> list[str]:
    """What stands beside the rows or below the columns of the map."""
    found: list[str] = one.page.locator(MAP).evaluate(f"(chart) => chart._fullLayout.{axis}axis.ticktext")
    return found


def token(one: Visit, place: int) -> Locator:
    return one.page.locator(f".long #token-{place}")


def press(one: Visit, name: str) -> None:
    """A button; Streamlit keeps a second, unseen one for touch screens."""
    one.page.locator(f".st-key-long-{name} button:visible").click()


def test_a_box_opens_the_tokens_that_it_holds(visit: Start) -> None:
    one = opened(visit)
    drag(one, (0.4, 0.3), (0.52, 0.4))
    q0, q1, k0, k1 = window(one)
    assert abs(q0 - 0.3 * 256) <= 2 and abs(q1 - 0.4 * 256) <= 2
    assert abs(k0 - 0.4 * 256) <= 2 and abs(k1 - 0.52 * 256) <= 2
    tokens = record(load("lab-4"), sample("gettysburg")).tokens
    one.page.wait_for_function(
        f"([most]) => document.querySelector('{MAP}')?._fullLayout.yaxis.ticktext?.length === most", arg=[q1 - q0]
    )
    assert labels(one, "y") == tokens[q0:q1] and labels(one, "x") == tokens[k0:k1]
    cells = one.page.locator(MAP).evaluate("(chart) => [chart._fullData[0].z.length, chart._fullData[0].z[0].length]")
    assert cells == [q1 - q0, k1 - k0]


def test_a_large_box_is_seen_closer_and_a_click_opens_its_tokens(visit: Start, llama: str) -> None:
    one = opened(visit, model=llama, sample="alice")
    count = len(record(load(llama), sample("alice"), values=False).tokens)
    drag(one, (0.1, 0.5), (0.35, 0.75))
    q0, q1, k0, k1 = window(one)
    assert abs(q1 - q0 - count / 4) < 40 and abs(k0 - count / 10) < 40
    one.says("Each cell shows the largest of up to")
    one.page.wait_for_function(
        f"([first]) => document.querySelector('{MAP}')?._fullLayout.yaxis.range[1] === first - 0.5", arg=[q0]
    )
    drag(one, (0.5, 0.5), (0.5, 0.5))  # a click
    one.page.wait_for_function("([q]) => new URLSearchParams(location.search).get('q0') !== q", arg=[str(q0)])
    one.says("Token for token; a click follows")
    q2, q3, k2, k3 = window(one)
    assert (q3 - q2, k3 - k2) == (64, 64)
    assert abs((q2 + q3) / 2 - (q0 + q1) / 2) < 40 and abs((k2 + k3) / 2 - (k0 + k1) / 2) < 40


def test_a_box_drawn_from_the_other_corner_is_the_same(visit: Start) -> None:
    one, other = opened(visit), opened(visit)
    drag(one, (0.4, 0.3), (0.52, 0.4))
    drag(other, (0.52, 0.4), (0.4, 0.3))
    assert window(one) == window(other)


def test_the_keyboard_walks_the_map(visit: Start) -> None:
    one = opened(visit)
    drag(one, (0.4, 0.4), (0.5, 0.5))
    first = window(one)
    half = (first[3] - first[2]) / 2
    for key, test in (
        ("ArrowRight", lambda new: abs(new[2] - first[2] - half) <= 1 and new[:2] == first[:2]),
        ("Backspace", lambda new: new == first),
        ("+", lambda new: new[1] - new[0] < first[1] - first[0]),
        ("-", lambda new: abs(new[0] - first[0]) <= 1),
    ):
        before = one.page.url
        one.page.keyboard.press(key)
        one.page.wait_for_function("(before) => location.href !== before", arg=before)
        assert test(window(one)), key
    one.page.keyboard.press("Escape")
    one.link_says(q0=None)


def test_a_click_in_a_window_follows_a_query_and_a_key(visit: Start) -> None:
    one = opened(visit, q0="100", q1="110", k0="50", k1="60")
    area = one.page.locator(f"{MAP} .nsewdrag").first.bounding_box()
    assert area is not None
    one.page.mouse.click(area["x"] + 0.35 * area["width"], area["y"] + 0.75 * area["height"])
    one.link_says(query="107", key="53")
    trace = record(load("lab-4"), sample("gettysburg"))
    one.says(f"{trace.weights(3, 2)[107, 53]:.6f}")


def test_search_goes_from_one_place_to_the_next(visit: Start) -> None:
    one = opened(visit)
    hits = [n for n, label in enumerate(record(load("lab-4"), sample("gettysburg")).tokens) if "that" in label.lower()]
    one.page.locator(".st-key-long-find input").fill("THAT")
    one.page.keyboard.press("Enter")
    one.says(f"{len(hits)} in all")
    after = [hit for hit in hits if hit > 20]
    for hit in after[:2]:
        press(one, "next")
        one.link_says(query=str(hit))
        expect(token(one, hit)).to_have_class("token picked hit")


def test_a_click_on_a_token_colours_the_others_by_its_weights(visit: Start) -> None:
    one = opened(visit, layer="2", head="1")
    place = 9
    token(one, place).click()
    one.link_says(query=str(place))
    weights = record(load("lab-4"), sample("gettysburg")).weights(2, 1)[place]
    best = int(weights.argmax())
    token(one, best).hover()
    one.says(f"the weight {weights[best]:.4f}")
    shown = token(one, best).evaluate("(face) => face.style.background")
    assert "rgb(75, 151, 204)" in shown or "rgba(75, 151, 204, 1)" in shown


def test_the_text_is_walked_with_the_keyboard(visit: Start) -> None:
    one = opened(visit)
    one.page.locator(".long .box").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "Enter"):
        one.page.keyboard.press(key)
    one.link_says(query="2")


def test_stop_leaves_the_page_as_it_was(visit: Start, slow: str) -> None:
    one = opened(visit, model=slow, sample="own", text="the cat sat on the mat")
    cells = one.page.locator(MAP).evaluate("(chart) => chart._fullData[0].z.length")
    one.page.locator(".st-key-long-text textarea").fill(ARTICLE)
    one.page.keyboard.press("Control+Enter")
    one.says("4,096 tokens")
    press(one, "start")
    one.says("layer 1 of")
    press(one, "stop")
    expect(one.page.locator(".st-key-long-stop")).to_have_count(0)
    one.says("Below is still the last run")
    expect(one.page.locator(".st-key-long-start button:visible")).to_be_enabled()
    expect(one.page.locator(".st-key-long-text textarea")).to_have_value(ARTICLE)
    one.page.wait_for_function(READY)
    assert one.page.locator(MAP).evaluate("(chart) => chart._fullData[0].z.length") == cells


def test_8192_tokens_stay_below_half_a_gigabyte(visit: Start, llama: str) -> None:
    one = opened(visit, model=llama, sample="own", text="hello")
    meter = one.context.new_cdp_session(one.page)
    meter.send("Performance.enable")
    meter.send("HeapProfiler.collectGarbage")  # what others left who sat in this tab
    used: list[float] = []

    def measure() -> None:
        one.page.wait_for_function(READY)
        found = {each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]}
        used.append(found["JSHeapUsedSize"] / 1e6)

    one.page.locator(".st-key-long-text textarea").fill(ARTICLE)
    one.page.keyboard.press("Control+Enter")
    start, text = one.page.locator(".st-key-long-start button:visible"), one.page.locator(".long #token-60")
    start.or_(text).first.wait_for()
    if start.count():
        start.click()
    one.says("8,192 tokens, 2 layers")
    measure()
    drag(one, (0.2, 0.5), (0.22, 0.52))
    window(one)
    measure()
    for key in ("ArrowDown", "ArrowLeft", "-", "Escape"):
        one.page.keyboard.press(key)
        measure()
    one.click_point("grid", 1)
    one.link_says(head="1")
    measure()
    for share in range(11):
        one.page.locator(".long .box").evaluate(
            "(box, share) => { box.scrollTop = share * box.scrollHeight / 10; }", share
        )
        measure()
    faces = one.page.locator(".long .token").count()
    print(f"8,192 tokens: at most {max(used):.0f} MB of JavaScript's heap; {faces} tokens of the text in the page")
    assert max(used) < MOST_MEGABYTES
    assert faces < 1_000, "only what is in sight is in the page"


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_wider_than_the_screen(visit: Start, lang: str, size: tuple[int, int]) -> None:
    one = begun(visit({"lang": lang}, name="long", viewport={"width": size[0], "height": size[1]}))
    assert one.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert one.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_the_window_is_taken_away_as_a_file(visit: Start, tmp_path: Path) -> None:
    one = opened(visit, q0="10", q1="20", k0="0", k1="30")
    one.page.get_by_role("button", name="Take it away").click()
    file = one.download("This window (CSV)", tmp_path)
    assert len(file.read_text(encoding="utf-8-sig").splitlines()) == 1 + 10 * 30
