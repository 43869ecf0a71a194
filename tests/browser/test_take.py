"""What is taken away opens elsewhere: pictures, tables, arrays, and a page that needs no network."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.person import Visit

Start = Callable[..., Visit]


@pytest.fixture
def menu(visit: Start) -> Visit:
    """The page of one head with the "take it away" menu open."""
    one = visit({"lang": "en", "layer": "2", "head": "1", "rule": "hard", "k": "3"})
    one.page.get_by_role("button", name="Take it away").click()
    one.page.get_by_role("button", name="Picture (PNG)").wait_for()
    return one


def test_png_is_a_picture_at_three_times_the_size(menu: Visit, tmp_path: Path) -> None:
    path = menu.download("Picture (PNG)", tmp_path)
    assert path.name == "attnviz-lab-4-2-1.png" and path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    box = menu.chart("heatmap").bounding_box()
    with Image.open(path) as picture:
        assert picture.width >= 2.5 * box["width"]
        assert len(picture.convert("RGB").resize((60, 40)).getcolors(2400)) > 20  # must not be empty


def test_svg_carries_the_tokens_as_text(menu: Visit, tmp_path: Path) -> None:
    path = menu.download("Picture (SVG)", tmp_path)
    assert path.name == "attnviz-lab-4-2-1.svg"
    texts = "".join(ElementTree.fromstring(path.read_text(encoding="utf-8")).itertext())
    assert all(character in texts for character in "南京市长江大桥")
    menu.chart("heatmap").locator(".main-svg").first.wait_for()  # the chart must not vanish from the page


def test_all_heads_are_taken_as_png_and_as_svg_whole_and_as_large_as_they_stand(menu: Visit, tmp_path: Path) -> None:
    path = menu.download("All heads (PNG)", tmp_path)
    assert path.name == "attnviz-lab-4-all-heads.png" and path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    box = menu.chart("grid").bounding_box()
    with Image.open(path) as picture:
        assert picture.width >= 2.5 * box["width"] and picture.height >= 2.5 * box["height"]
        assert len(picture.convert("RGB").resize((60, 40)).getcolors(2400)) > 20  # must not be empty
    again(menu, "Take it away")
    path = menu.download("All heads (SVG)", tmp_path)
    assert path.name == "attnviz-lab-4-all-heads.svg"
    texts = [text.strip() for text in ElementTree.fromstring(path.read_text(encoding="utf-8")).itertext()]
    assert {f"{what} {number}" for what in ("layer", "head") for number in range(4)} <= set(texts)
    menu.chart("grid").locator(".main-svg").first.wait_for()


def again(one: Visit, menu: str) -> None:
    """Open the menu that a picture has closed: Plotly clicks on a link of its own, outside of it."""
    one.page.get_by_test_id("stPopoverBody").wait_for(state="hidden")
    one.page.get_by_role("button", name=menu).click()


def test_files_are_named_in_the_readers_language_and_chinese_is_drawn(visit: Start, tmp_path: Path) -> None:
    one, names = visit({"lang": "zh", "layer": "2", "head": "1"}), []
    for words in ("图片（PNG）", "全部头（SVG）", "全部头（PNG）"):
        one.page.get_by_role("button", name="导出").click()
        names.append(one.download(words, tmp_path).name)
        one.page.get_by_test_id("stPopoverBody").wait_for(state="hidden")
    assert names == ["attnviz-lab-4-第2层第1头.png", "attnviz-lab-4-全部头.svg", "attnviz-lab-4-全部头.png"]
    texts = "".join(ElementTree.fromstring((tmp_path / names[1]).read_text(encoding="utf-8")).itertext())
    assert "层 0" in texts and "头 3" in texts
    inks = {ink(one, tmp_path / names[0], place) for place in range(1, 8)}
    assert len(inks) == 7 and all(any(one) for one in inks), "one box for all would be no glyph"
    one.chart("heatmap").hover()
    camera = one.chart("heatmap").locator(".modebar-btn").first
    expect(camera).to_have_attribute("data-title", "把这张图存为 PNG")


PLACE = "({_fullLayout: {_size, yaxis}}, row) => [_size.l, yaxis._offset + yaxis.c2p(row)]"


def ink(one: Visit, path: Path, row: int) -> bytes:
    """The dark dots of the label of one row in a picture of the heatmap at three times its size."""
    across, down = one.chart("heatmap").evaluate(PLACE, row)
    with Image.open(path) as picture:
        box = [round(3 * edge) for edge in (across - 22, down - 9, across - 2, down + 9)]
        label = picture.crop(box)  # on no ground of its own
        paper = Image.new("RGBA", label.size, "white")
        return Image.alpha_composite(paper, label).convert("L").point(lambda shade: 255 * (shade < 128)).tobytes()


def test_camera_takes_a_png_after_an_svg_was_taken_through_the_menu(menu: Visit, tmp_path: Path) -> None:
    assert menu.download("Picture (SVG)", tmp_path).suffix == ".svg"
    menu.page.keyboard.press("Escape")
    chart = menu.chart("heatmap")
    chart.hover()
    with menu.page.expect_download() as waiting:
        chart.locator(".modebar-btn").first.click()
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    assert path.name == "attnviz.png" and path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_csv_and_npz_hold_the_weights_on_the_screen(menu: Visit, tmp_path: Path) -> None:
    shown = np.array(menu.cells())
    table = menu.download("This head (CSV)", tmp_path).read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert len(rows) == 81
    for row in rows:
        assert float(row["weight"]) == pytest.approx(shown[int(row["query"]), int(row["key"])], abs=1e-5)
    with np.load(menu.download("All weights (NPZ)", tmp_path)) as found:
        np.testing.assert_allclose(found["weights"][2, 1], shown, atol=1e-6)
        assert found["tokens"].tolist() == ["[CLS]", *"南京市长江大桥", "[SEP]"]


def test_downloads_leave_the_page_as_it_is(menu: Visit, tmp_path: Path) -> None:
    before = menu.page.url
    menu.download("This head (CSV)", tmp_path)
    assert menu.page.url == before
    menu.ready()


@pytest.mark.parametrize("text", ["南京市长江大桥", "</script><script>window.broken = 1</script>"])
def test_offline_page_draws_and_lights_up_without_a_network(visit: Start, tmp_path: Path, text: str) -> None:
    one = visit({"lang": "zh", "text": text})
    one.page.get_by_role("button", name="导出").click()
    path = one.download("离线网页（HTML）", tmp_path)
    away = visit({}, to=path.as_uri(), offline=True)
    expect(away.page.locator(".js-plotly-plot .main-svg").first).to_be_visible()
    assert away.page.locator(".js-plotly-plot").count() == 2
    before = away.colours()
    away.face(1).hover()
    assert away.colours() != before and len(before) >= 9
    assert away.page.evaluate("() => window.broken") is None
    expect(away.page.locator("h1")).to_have_text(text)
    assert {url.split(":")[0] for url in away.urls} <= {"file", "data", "blob"}


def test_copy_link_puts_the_address_on_the_clipboard(visit: Start) -> None:
    one = visit({"lang": "en", "layer": "2"}, permissions=["clipboard-read", "clipboard-write"])
    one.page.get_by_role("button", name="Take it away").click()
    one.page.get_by_role("button", name="Copy link").click()
    one.page.get_by_role("button", name="Copied").wait_for()
    assert one.page.evaluate("() => navigator.clipboard.readText()") == one.page.url
    assert "layer=2" in one.page.url
