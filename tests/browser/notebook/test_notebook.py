"""The page for a notebook's cell: alone and in a frame it draws, answers to mouse and keys, and asks for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import FrameLocator, Page, expect

import attnviz as av
from attnviz.messages import say
from attnviz.trace import Trace
from tests.browser.person import Visit
from tests.browser.seats import Seats
from tests.unit.figures.made import made, numbered
from tests.unit.notebook.unpacked import rounded

Open = Callable[..., Page]
PIXELS = """(canvas) => new Set(new Uint32Array(canvas.getContext('2d')
  .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
CONTRAST = """() => {
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const read = (name) => rgb(getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return [...['--text', '--faint', '--accent'].map((name) => ratio(read(name), read('--ground'))),
    ...ramps[theme()].map((colour) => ratio(rgb(ink(colour)), colour))];
}"""


@pytest.fixture
def opened(chromium: Seats, tmp_path: Path) -> Iterator[Open]:
    """Open a page of a trace as a file; afterwards it has met no error and asked for nothing but itself."""
    visits: list[Visit] = []

    def start(made_of: str | Trace, locale: str = "en-US", scheme: str = "light", **options: object) -> Page:
        path = tmp_path / f"page{len(visits)}.html"
        if isinstance(made_of, Trace):
            av.show(made_of, path=path, **options)
        else:
            path.write_text(made_of, encoding="utf-8")
        visits.append(Visit(chromium, path.as_uri(), locale=locale, color_scheme=scheme))
        return visits[-1].open({}, "").page

    yield start
    for one in visits:
        assert one.faults == []
        assert [url for url in one.urls if not url.startswith(("file:", "about:"))] == []
        one.leave()


def said(page: Page | FrameLocator) -> str:
    return page.locator("#said").inner_text()


def test_everything_is_drawn(opened: Open) -> None:
    page = opened(made(), layer=1, head=2, query=2)
    expect(page.locator(".tile")).to_have_count(6)
    assert all(one.evaluate(PIXELS) > 5 for one in page.locator(".tile canvas").all())
    assert page.locator("#heat").evaluate(PIXELS) > 20
    assert page.locator("#tokens .token").all_inner_texts() == ["[CLS]", "the", "cat", "saw", "the", "dog", "[SEP]"]
    assert page.locator("#arcs path").count() >= 3
    assert page.locator("#name").inner_text() == "Layer 1, head 2"


def test_the_numbers_in_the_browser_are_the_trace_s(opened: Open) -> None:
    trace = made(layers=3, heads=2, causal=True)
    page = opened(trace)
    found = page.evaluate("() => Array.from(maps[0].weights.all, (code) => code ? value(code) : -1)")
    wanted = np.concatenate([trace.weights(layer).numpy() for layer in range(3)])
    allowed = np.broadcast_to(np.tril(np.ones((7, 7), bool)), wanted.shape)
    assert np.array_equal(np.array(found).reshape(wanted.shape), np.where(allowed, rounded(wanted), -1))
    shown = page.evaluate(
        "() => [0.123, 1, 0.0999, 0.000123, 1.23e-7].map((one) => written("
        "Array.from({length: 2 ** 15}, (_, code) => code).find((code) => code > 1 && value(code) === one)))"
    )
    assert shown == ["0.123", "1.00", "0.0999", "0.000123", "1.23e-7"]


def test_a_long_text_holds_one_head_whole_and_the_strongest_of_the_others(opened: Open) -> None:
    trace = numbered(512, layers=12, heads=12)
    page = opened(trace, layer=3, head=2)
    whole = page.evaluate("() => Array.from(maps[0].weights.one, value)")
    assert np.array_equal(np.array(whole).reshape(512, 512), rounded(trace.weights(3, 2).numpy()))
    page.locator(".tile").nth(5 * 12 + 7).click()
    row = page.evaluate("() => maps[0].weights.row(5, 7, 100).map(([key, code]) => [key, value(code)])")
    weights = trace.weights(5, 7)[100]
    assert row and [key for key, _ in row] == weights.topk(len(row)).indices.tolist()
    assert [weight for _, weight in row] == rounded(weights.topk(len(row)).values.numpy()).tolist()
    assert "av.show(trace, layer=..., head=...)" in page.locator("#data-note").inner_text()
    page.locator("#tokens .token").nth(100).hover()
    assert f"the {len(row)} strongest" in said(page)
    other = int(weights.argmin())
    assert "at most" in page.evaluate(f"() => tellCell(100, {other})")
    expect(page.locator("#stretch-said")).to_have_text("tokens 0 to 399 of 512")
    page.locator("#after").click()
    expect(page.locator("#tokens .token").last).to_have_text("t511")


def test_a_click_opens_a_head_and_holds_a_token(opened: Open) -> None:
    trace = made()
    page = opened(trace)
    page.locator("[data-place='1.2']").click()
    expect(page.locator("#name")).to_have_text("Layer 1, head 2")
    expect(page.locator("[data-place='1.2']")).to_have_attribute("aria-selected", "true")
    page.locator("#tokens .token").nth(2).click()
    page.mouse.move(0, 0)
    best = int(trace.weights(1, 2)[2].argmax())
    assert said(page).startswith(f"cat looks at: {trace.tokens[best]}\u00a0{float(trace.weights(1, 2)[2, best]):.3g}")
    assert {one.get_attribute("data-pair").split("-")[0] for one in page.locator("#arcs path").all()} == {"2"}
    page.locator("#arcs .key .token").nth(4).hover()
    back = int(trace.weights(1, 2)[:, 4].argmax())
    assert said(page).startswith(f"the is looked at by: {trace.tokens[back]}")


def test_pointing_at_a_cell_tells_its_weight(opened: Open) -> None:
    trace = made(causal=True)
    page = opened(trace, layer=1, head=0)
    box = page.evaluate(
        "() => { const b = heat.getBoundingClientRect(); return [b.left + frame.left, b.top + frame.top, frame.size]; }"
    )
    page.mouse.move(box[0] + 1.5 * box[2], box[1] + 3.5 * box[2])
    assert said(page) == f"saw looks at the: {float(trace.weights(1, 0)[3, 1]):.3g}"
    page.mouse.move(box[0] + 5.5 * box[2], box[1] + 3.5 * box[2])
    assert said(page) == "saw may not look at dog"


def test_everything_answers_to_keys_alone(opened: Open) -> None:
    trace = made()
    page = opened(trace)
    page.locator("[data-place='0.0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#name")).to_have_text("Layer 1, head 1")
    expect(page.locator("[data-place='1.1']")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#heat")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert said(page) == f"the looks at the: {float(trace.weights(1, 1)[1, 1]):.3g}"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the heads whose arcs are drawn
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#heads [aria-pressed=true]").count() in (0, 2)
    page.keyboard.press("Tab")
    expect(page.locator("#arcs .query .token").first).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator("#arcs .query .token").last).to_be_focused()
    assert said(page).startswith("[SEP] looks at")
    page.locator("#tokens .token").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert said(page).startswith("the looks at")
    page.keyboard.press("Escape")
    assert said(page) == say("notebook.hint", "en")


def test_what_can_be_reached_has_a_name(opened: Open) -> None:
    page = opened(made(), split=4)
    nameless = page.evaluate("""() => [...document.querySelectorAll('button, [tabindex], [role=group]:not([hidden])')]
      .filter((one) => !(one.getAttribute('aria-label') || one.textContent.trim())).map((one) => one.outerHTML)""")
    assert nameless == []
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_by_the_measure_of_aa(opened: Open, scheme: str) -> None:
    page = opened(made(), scheme=scheme)
    text, faint, accent, *inks = page.evaluate(CONTRAST)
    assert min(text, faint, *inks) >= 4.5 and accent >= 3  # accent marks, it does not write
    assert page.locator("html").get_attribute("data-theme") == scheme


def test_the_language_is_the_reader_s_and_can_be_changed(opened: Open) -> None:
    page = opened(made(), locale="zh-CN", layer=1, head=2)
    expect(page.locator("#name")).to_have_text("第 1 层第 2 头")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#name")).to_have_text("Layer 1, head 2")


def test_several_maps_are_chosen_by_name(opened: Open) -> None:
    eye = {"encoder": torch.eye(2), "decoder": torch.eye(3), "cross": torch.full((3, 2), 0.5)}
    page = opened(av.from_weights(eye, ["tea", "cup"], target=["thé", "tasse", "!"]))
    assert page.locator("#maps button").all_inner_texts() == ["cross-attention", "encoder", "decoder"]
    page.locator("#arcs .query .token").first.hover()
    assert said(page) == "thé looks at: tea\u00a00.500 · cup\u00a00.500"
    page.get_by_role("button", name="encoder").click()
    page.locator("#arcs .query .token").first.hover()
    assert said(page) == "tea looks at: tea\u00a01.00"


def test_of_two_sentences_one_block_is_chosen(opened: Open) -> None:
    page = opened(made(), split=4)
    page.get_by_role("button", name="B → A").click()
    page.locator("#tokens .token").nth(5).hover()
    pairs = [one.get_attribute("data-pair") for one in page.locator("#arcs path").all()]
    assert pairs and all(int(one.split("-")[1]) < 4 for one in pairs)
    page.locator("#tokens .token").nth(1).hover()
    assert page.locator("#arcs path").count() == 0


def test_labels_are_text_whatever_they_hold(opened: Open) -> None:
    label = "</script><img/src=x/onerror=alert(1)>"
    page = opened(av.from_weights(torch.eye(2), [label, "{data}&quot;"]))
    assert page.locator("#tokens .token").all_inner_texts() == [label, "{data}&quot;"]


@pytest.mark.parametrize(
    "mark", ["data-jp-theme-light='false'", "class='vscode-body vscode-dark'", "style='background:#111'"]
)
def test_in_a_dark_notebook_the_page_is_dark_and_neither_s_style_leaks(opened: Open, mark: str) -> None:
    cell = made()._repr_html_()
    style = "<style>button, canvas, div { display: none !important; } body { font-size: 99px; }</style>"
    page = opened(f"<!doctype html>{style}<body {mark}><p id=mine>x</p>{cell}</body>")
    inside = page.frame_locator("iframe")
    expect(inside.locator("html")).to_have_attribute("data-theme", "dark")
    inside.locator("[data-place='1.2']").click()
    expect(inside.locator("#name")).to_have_text("Layer 1, head 2")
    assert page.evaluate("() => getComputedStyle(mine).fontSize") == "99px"
    page.evaluate("() => { document.body.dataset.jpThemeLight = 'true'; }")  # the person switches the theme
    expect(inside.locator("html")).to_have_attribute("data-theme", "light")


def test_in_a_cell_the_page_is_no_higher_than_it_needs(opened: Open) -> None:
    page = opened(f"<!doctype html><body>{av.show(made(), height=1500)._repr_html_()}</body>")
    page.wait_for_function("() => document.querySelector('iframe').clientHeight < 900")
    inside = page.frame_locator("iframe").locator("body")
    assert inside.evaluate("(body) => innerHeight - body.getBoundingClientRect().height") < 1
    low = opened(f"<!doctype html><body>{av.show(made(), height=300)._repr_html_()}</body>")
    expect(low.frame_locator("iframe").locator("#heat")).to_be_attached()
    assert low.locator("iframe").evaluate("(frame) => frame.clientHeight") == 300


def test_a_text_from_right_to_left_runs_so_in_line_and_columns(opened: Open) -> None:
    trace = av.from_weights(torch.tensor([[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0, 0, 1.0]]), ["שלום", "עולם", "יפה"])
    page = opened(trace)
    boxes = [one.bounding_box() for one in page.locator("#tokens .token").all()]
    assert boxes[0]["x"] > boxes[1]["x"] > boxes[2]["x"]
    where = "() => { const { left, top } = heat.getBoundingClientRect(); return [left + frame.left, top + frame.top]; }"
    left, top = page.evaluate(where)
    size = page.evaluate("() => frame.size")
    page.mouse.move(left + 2.5 * size, top + 0.5 * size)
    assert said(page).endswith(": 0.700")  # the first key stands on the right
    page.locator("#tokens .token").first.focus()
    page.keyboard.press("ArrowLeft")
    assert "0.600" in said(page)
    page.locator("#heat").focus()
    page.keyboard.press("ArrowLeft")
    assert said(page).endswith(": 0.200")
    pixel = """(x) => [...heat.getContext('2d').getImageData((frame.left + (x + 0.5) * frame.size) * frame.ratio,
      (frame.top + 1.5 * frame.size) * frame.ratio, 1, 1).data.slice(0, 3)].reduce((a, b) => a + b)"""
    assert page.evaluate(pixel, 1) < page.evaluate(pixel, 2) < page.evaluate(pixel, 0)  # 0.6, 0.3, 0.1
