"""Point and click: tiles, cells, tokens, rules. What answers at once must not ask the server."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import FRAMES, Visit

Start = Callable[..., Visit]
GRID = "document.querySelector('.st-key-attention-grid .js-plotly-plot')"


def test_a_click_on_a_tile_opens_that_head_and_the_pickers_follow(visit: Start) -> None:
    one = visit()
    before = one.cells()
    one.click_point("grid", 2 * 4 + 3)
    one.link_says(layer="2", head="3", query=None, key=None)  # must not choose a cell
    expect(one.part("layer").get_by_role("combobox")).to_have_value("2")
    expect(one.part("head").get_by_role("combobox")).to_have_value("3")
    one.wait_for_cells("JSON.stringify(z) !== JSON.stringify(arg)", before)


def test_a_click_on_a_cell_explains_that_cell(visit: Start) -> None:
    one = visit()
    weight = one.cells()[5][2]
    one.click_point("heatmap", 5 * 9 + 2)
    one.link_says(query="5", key="2")
    one.says(f"{weight:.4f}")
    why = one.page.get_by_text("looks at").filter(has_text="with weight")
    expect(why).to_contain_text(f"江 looks at 京 with weight {weight:.4f}")
    one.link_says(layer=None, head=None)  # must not open another head


def test_hard_then_run_with_it_says_how_far_the_outputs_moved(visit: Start) -> None:
    one = visit()
    one.choose("family", "Hard")
    one.link_says(rule="hard")
    one.says("changes only the picture")
    assert one.page.get_by_text("Outputs moved").count() == 0  # a redrawn picture must not claim a change
    one.choose("scope", "run with it")
    one.link_says(rule="hard", scope="run")
    assert "on average" in one.says("Outputs moved").inner_text()


def test_pointing_at_a_token_lights_the_others_without_asking_the_server(visit: Start) -> None:
    one = visit({"lang": "en", "query": "3", "key": "4"})
    cells = one.cells()
    one.face(3).wait_for()
    before, frames = one.colours(), one.frames
    for place in (1, 6, 4):
        one.face(place).hover()
        shown = [float(colour.rsplit(",", 1)[1].strip(" )")) if "," in colour else 1.0 for colour in one.colours()]
        for share, weight in zip(shown, cells[place], strict=True):
            lit = (share / 0.7) ** 2  # the deepest colour leaves letters their contrast
            assert lit == pytest.approx(weight, abs=0.008)  # one byte a weight, and a colour's opacity is one too
        written = [float(share) if share else 0.0 for share in one.shares()]
        assert written == pytest.approx(cells[place], abs=0.0081)
        assert one.colours() != before
    one.page.evaluate(FRAMES)
    assert one.frames == frames


def test_leaving_the_tokens_brings_back_the_chosen_query(visit: Start) -> None:
    one = visit()
    one.face(3).wait_for()
    before = one.colours()
    one.face(6).hover()
    assert one.colours() != before
    one.page.mouse.move(5, 5)
    assert one.colours() == before


def test_clicking_a_token_makes_it_the_query(visit: Start) -> None:
    one = visit()
    one.face(6).click()
    one.link_says(query="6", key=None)
    expect(one.part("query").get_by_role("combobox")).to_have_value("6 · 大")
    expect(one.page.locator(".reader .token.picked .face")).to_have_text("大")


def test_layer_mean_and_all_heads_are_one_click_without_the_server(visit: Start) -> None:
    one = visit()
    one.face(3).wait_for()
    seen, frames = {tuple(one.colours())}, one.frames
    for words in ("layer mean", "all heads"):
        button = one.page.locator(".reader .bar button").filter(has_text=words)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        seen.add(tuple(one.colours()))
    assert len(seen) == 3 and one.frames == frames


def test_a_blank_is_made_and_taken_back_by_the_same_click(visit: Start) -> None:
    one = visit()
    holes = one.page.locator(".reader .hole")
    expect(holes.first).to_be_disabled()  # [CLS] must not be blanked
    holes.nth(4).click()
    one.link_says(blank="4", text=None)
    expect(one.face(4)).to_have_text("[MASK]")
    table = one.page.get_by_role("table").filter(has_text="blank")
    expect(table).to_be_visible()
    chances = [float(cell.split()[-1]) for cell in table.locator("tbody td").all_inner_texts()[1:]]
    assert len(chances) == 5 and chances == sorted(chances, reverse=True) and 0 < sum(chances) <= 1.001
    holes.nth(4).click()
    one.link_says(blank=None)
    expect(one.face(4)).to_have_text("长")
    expect(table).to_have_count(0)


def test_typing_a_sentence_redraws_everything(visit: Start) -> None:
    one = visit()
    box = one.part("text").get_by_role("textbox")
    box.fill("the cat saw the dog")
    box.press("Enter")
    one.link_says(text="the cat saw the dog")
    expect(one.page.locator(".reader .face")).to_have_text(["[CLS]", "the", "cat", "saw", "the", "dog", "[SEP]"])
    cells = one.wait_for_cells("z.length === 7")
    assert all(math.isclose(sum(row), 1, abs_tol=1e-4) for row in cells)


def test_typed_script_is_shown_and_not_run(visit: Start) -> None:
    text = "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>"
    one = visit({"lang": "en", "text": text})
    expect(one.part("text").get_by_role("textbox")).to_have_value(text)
    assert "<" in one.face(1).inner_text()
    one.click_point("heatmap", len(one.cells()) + 5)
    one.link_says(query="1", key="5")
    assert one.page.evaluate("() => window.broken") is None


def test_changing_the_number_of_heads_changes_the_model(visit: Start) -> None:
    one = visit()
    one.choose("model", "8")
    one.link_says(model="lab-8")
    one.page.wait_for_function(f"() => {GRID}._fullData[1].x.length === 32")
    one.click_point("grid", 7)
    one.link_says(layer="0", head="7", model="lab-8")
