"""Seen at 1440 and 390, light and dark, in both languages: it fits, and nothing is cut off."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import LOOK, Visit

Start = Callable[..., Visit]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LOOKS = [(lang, theme) for lang in ("zh", "en") for theme in ("light", "dark")]
SLACK = 2  # pixels: a border counted on one side

CUT = """() => [...document.querySelectorAll('[data-testid="stMain"] button, [data-testid="stMain"] label, label, p')]
  .filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
  .filter((one) => ['hidden', 'clip'].includes(getComputedStyle(one).overflowX))
  .map((one) => one.innerText)"""
SCROLL = """() => { const main = document.querySelector('[data-testid="stMain"]');
  return [main.scrollHeight, main.clientHeight, main.scrollWidth, main.clientWidth]; }"""
RAMP = "(chart) => chart._fullData[0].colorscale[0][1]"
GROUND = "() => getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor"


@pytest.mark.parametrize(("lang", "theme"), LOOKS)
def test_everything_fits_on_one_screen_at_1440_by_900(visit: Start, tmp_path: Path, lang: str, theme: str) -> None:
    one = visit({"lang": lang}, viewport=WIDE, color_scheme=theme)
    one.face(8).wait_for()
    one.page.screenshot(path=tmp_path / f"wide-{lang}-{theme}.png")
    height, room, width, across = one.page.evaluate(SCROLL)
    box = one.chart("heatmap").bounding_box()
    assert box["y"] + box["height"] <= 900 and box["x"] + box["width"] <= 1440
    assert box["width"] >= 300 and box["height"] >= 300  # must not fit by being too small to read
    assert height <= room + SLACK and width <= across + SLACK
    assert one.page.evaluate(CUT) == []


@pytest.mark.parametrize(("lang", "theme"), LOOKS)
def test_a_phone_scrolls_down_and_never_sideways(visit: Start, tmp_path: Path, lang: str, theme: str) -> None:
    one = visit({"lang": lang}, viewport=NARROW, color_scheme=theme)
    one.face(8).wait_for()
    one.page.screenshot(path=tmp_path / f"narrow-{lang}-{theme}.png", full_page=True)
    assert one.page.evaluate("() => document.scrollingElement.scrollWidth - innerWidth") <= 0
    _, _, width, across = one.page.evaluate(SCROLL)
    assert width <= across
    for name in ("grid", "heatmap"):
        one.chart(name).scroll_into_view_if_needed()
        box = one.chart(name).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["width"] >= 280
    assert one.page.evaluate(CUT) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_what_a_blank_says_stands_beside_its_sentence(visit: Start, size: dict[str, int]) -> None:
    one = visit({"lang": "zh"}, viewport=size)
    one.page.locator(".reader .hole").nth(4).click()
    said = one.page.get_by_role("table").filter(has_text="空格处")
    said.wait_for()
    box, sentence, chart = (part.bounding_box() for part in (said, one.part("reader"), one.chart("grid")))
    assert sentence["y"] + sentence["height"] <= box["y"] + SLACK and box["y"] + box["height"] <= chart["y"]
    assert box["y"] + box["height"] <= size["height"] - 60  # a phone's bar is below
    assert one.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTop") == 0


def test_light_and_dark_follow_the_persons_system(visit: Start) -> None:
    light, dark = (visit(color_scheme=theme) for theme in ("light", "dark"))
    assert sum(map(int, light.page.evaluate(GROUND)[4:-1].split(","))) > 600
    assert sum(map(int, dark.page.evaluate(GROUND)[4:-1].split(","))) < 150
    assert light.chart("heatmap").evaluate(RAMP) != dark.chart("heatmap").evaluate(RAMP)


def test_a_theme_that_changes_while_the_page_is_open_repaints_the_charts(visit: Start) -> None:
    one = visit(color_scheme="light")
    before = one.chart("heatmap").evaluate(RAMP)
    now = f"({RAMP})(document.querySelector('{one.place('heatmap')} .js-plotly-plot'))"
    for theme, sign in (("dark", "!=="), ("light", "===")):
        one.page.emulate_media(color_scheme=theme)
        one.page.wait_for_function(f"(before) => {now} {sign} before", arg=before, polling=LOOK)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_charts_and_reader_are_named_for_those_who_do_not_see_them(visit: Start, lang: str) -> None:
    one = visit({"lang": lang})
    words = {"zh": ("注意力权重", "逐词元"), "en": ("Attention weights", "The sentence as tokens")}[lang]
    expect(one.page.get_by_role("figure", name=words[0])).to_have_count(2)
    expect(one.page.get_by_role("group", name=words[1])).to_be_visible()


def test_every_label_of_the_heatmap_stands_inside_it(visit: Start) -> None:
    one = visit({"lang": "en", "text": "internationalisation of extraordinarily longwinded sentences"})
    chart = one.chart("heatmap").bounding_box()
    boxes = one.chart("heatmap").locator(".xtick text, .ytick text").all()
    assert len(boxes) >= 14
    for box in (label.bounding_box() for label in boxes):
        assert box["x"] >= chart["x"] - 1 and box["x"] + box["width"] <= chart["x"] + chart["width"] + 1
        assert box["y"] >= chart["y"] - 1 and box["y"] + box["height"] <= chart["y"] + chart["height"] + 1


LONG = (
    "The old man sat by the river and read a book while it rained and the children played in the garden behind the "
    "house of his brother who had gone to the city to buy bread"
)
SHOWN = """(chart) => [...chart.querySelectorAll(".xaxislayer-above .xtick text")]
  .filter((one) => one.style.visibility !== "hidden").map((one) => one.getBoundingClientRect().right)"""


@pytest.mark.parametrize(("text", "thinned"), [(LONG, True), (" ".join(LONG.split()[:14]), False)])
def test_labels_never_lie_on_each_other_and_stay_where_there_is_room(visit: Start, text: str, thinned: bool) -> None:
    one = visit({"lang": "en", "text": text}, viewport=NARROW)
    heatmap = one.chart("heatmap")
    for viewport in (NARROW, WIDE):
        one.page.set_viewport_size(viewport)
        one.page.wait_for_timeout(1_500)
        ends, every = heatmap.evaluate(SHOWN), heatmap.locator(".xaxislayer-above .xtick text").count()
        steps = [after - before for before, after in pairwise(ends)]
        assert len(steps) > 10 and min(steps) >= 9 and (len(ends) < every) == thinned


CELLS = """() => [...document.querySelectorAll(".annotation-text")].filter((one) => one.style.fontSize !== "11px")
  .map((one) => [one.textContent, one.getBoundingClientRect(), one.style.fontSize])
  .map(([word, box, size]) => [word, box.left, box.right, size])"""


def test_words_in_cells_are_smaller_where_they_are_wider_than_their_cell(visit: Start) -> None:
    one = visit({"lang": "en"}, name="directions", viewport=NARROW)
    one.page.wait_for_function(f"() => ({CELLS})().find(([word]) => word === '[CLS]')?.[3] === '9px'")
    words = one.page.evaluate(CELLS)
    assert {size for word, _, _, size in words if word != "[CLS]"} == {"13px"}
    assert all(after[1] >= before[2] for before, after in pairwise(words)) and words[0][1] >= 0
    one.page.set_viewport_size(WIDE)
    one.page.wait_for_function(f"() => ({CELLS})().every(([,,, size]) => size === '13px')")


NODE = """() => {
  const one = document.querySelector(".scatterlayer .point");
  const scale = /scale\\(([^)]*)/.exec(one?.getAttribute("transform"));
  return one && [Number(scale?.[1] ?? 1), one.getBBox().width];
}"""


def test_nodes_of_a_graph_are_smaller_where_its_picture_is(visit: Start) -> None:
    one = visit({"lang": "en"}, name="graphs", viewport=NARROW)
    for viewport, share in ((NARROW, 0.65), (WIDE, 1)):
        one.page.set_viewport_size(viewport)
        one.page.wait_for_function(f"(share) => ({NODE})()?.[0] === share", arg=share)
        assert one.page.evaluate(NODE)[1] > 20


HELP = """() => { const box = (one) => document.querySelector(one).getBoundingClientRect();
  return box('.stTextArea textarea').top - box('.st-key-help-button button').bottom; }"""


def test_the_help_is_off_the_first_box(visit: Start) -> None:
    one = visit({"lang": "zh"}, name="long", viewport=WIDE)
    expect(one.page.locator(".st-key-help-button button")).to_be_visible()
    assert one.page.evaluate(HELP) > 0
