"""The attention page: it opens, and each control does to the pictures what its name says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz.figures.paint.shades import STEPS
from attnviz.messages import table
from attnviz.ui.kit import SETTINGS
from attnviz.ui.kit.languages import NAMES
from attnviz.ui.pages.attention.choices import KEY
from attnviz.ui.pages.attention.shown import CHANGE
from tests.pages.opened import (
    START,
    alone,
    array,
    by_key,
    cells,
    change,
    charts,
    chosen,
    control,
    elements,
    mosaic,
    opened,
    said,
    seen,
    words,
)

LABELS = ["[CLS]", *START, "[SEP]"]
HARD_RUN = {"rule": "hard", "hard": "argmax", "scope": "run"}


def candidates(at: AppTest) -> list[str]:
    """The lines of the table of predictions, its head left out."""
    tables = [e.value for e in at.markdown if e.value.startswith("| ") and ":**" not in e.value and "**" in e.value]
    found = [t for t in tables if not t.startswith(("| heads", "| 头数"))]
    return found[0].splitlines()[2:] if found else []


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("start", [opened, alone], ids=["through app.py", "alone"])
def test_page_opens_with_both_charts_and_all_controls(start, lang: str) -> None:  # type: ignore[no-untyped-def]
    at = start(lang)
    assert not at.exception and not at.error and not at.warning
    grid, heatmap = charts(at)
    assert heatmap["layout"]["xaxis"]["ticktext"] == LABELS
    assert array(heatmap["data"][0]["z"]).shape == (9, 9)
    assert len(grid["data"][1]["customdata"]) == 4 * 4
    for name in ("model", "family", "temperature", "scope", "scale", "specials", "layer", "head", "query", "key"):
        assert control(at, name).label in table(lang).values(), name
    in_sidebar = {getattr(element, "key", None) for element in at.sidebar}
    assert {KEY + name for name in ("model", "family", "temperature", "scope", "scale", "specials")} <= in_sidebar


def test_page_alone_keeps_its_choices_over_a_refused_text() -> None:
    at = change(alone(layer="2"), text="")
    assert len(at.error) == 1 and not charts(at)
    change(at, text="猫坐在垫子上")
    assert not at.exception and not at.error and chosen(at, "layer") == 2


def test_open_tile_is_the_one_that_the_heatmap_shows() -> None:
    at = opened(layer="2", head="3")
    grid, heatmap = charts(at)
    z, place = array(grid["data"][0]["z"]), 2 * 4 + 3
    x, y = (int(array(grid["data"][1][axis])[place] - 4) for axis in "xy")
    expected = np.round(array(heatmap["data"][0]["z"]).astype(float) * STEPS)
    assert np.abs(z[y : y + 9, x : x + 9] - expected).max() <= 1
    (frame,) = grid["layout"]["shapes"]
    assert frame["x0"] < x + 4 < frame["x1"] and frame["y0"] < y + 4 < frame["y1"]


def test_hard_rule_redraws_the_picture_and_leaves_the_prediction() -> None:
    at = opened(text="中华人民共和[MASK]成立")
    before, soft = mosaic(at), candidates(at)
    change(at, family="hard", hard="argmax")
    assert not at.exception and chosen(at, "scope") == "redraw"
    assert not np.array_equal(before, mosaic(at))
    assert set(np.unique(cells(at))) == {0, 1}, "argmax keeps one key a row"
    assert candidates(at) == soft and len(soft) == 1
    assert "Outputs moved" not in said(at)


def test_running_with_a_hard_rule_recomputes_layers_and_prediction() -> None:
    at = opened(text="中华人民共和[MASK]成立", rule="hard", hard="argmax")
    redrawn, soft = mosaic(at), candidates(at)
    change(at, scope="run")
    assert not at.exception
    again = mosaic(at)
    height = again.shape[0] // 4
    assert np.array_equal(redrawn[:height], again[:height]), "the first layer has the same scores either way"
    assert not np.array_equal(redrawn[height:], again[height:]), "later layers must follow the rule"
    assert candidates(at)[0] == soft[0] and len(candidates(at)) == 2
    assert re.search(r"Outputs moved by 0\.\d+ on average", said(at))


def test_running_softly_is_no_change_and_claims_none() -> None:
    at = opened(text="中华人民共和[MASK]成立", scope="run")
    assert not at.exception and len(candidates(at)) == 1
    assert "Outputs moved" not in said(at)


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_switching_the_model_switches_the_number_of_heads(heads: int) -> None:
    at = change(opened(), model=f"lab-{heads}")
    assert not at.exception and not at.error
    assert len(charts(at)[0]["data"][1]["customdata"]) == 4 * heads
    assert len(charts(at)[0]["layout"]["xaxis"]["tickvals"]) == heads
    assert at.query_params.get("model", "lab-4") in (f"lab-{heads}", [f"lab-{heads}"])


def test_a_head_that_the_smaller_model_lacks_becomes_its_last() -> None:
    at = change(opened(model="lab-8", head="7"), model="lab-2")
    assert not at.exception and chosen(at, "head") == 1


@pytest.mark.parametrize("name", list(SETTINGS))
def test_every_number_of_a_rule_reaches_the_picture(name: str) -> None:
    setting, family = SETTINGS[name], {"soft": "soft", "entmax": "sparse"}.get(name, "hard")
    link = {"rule": family} | ({family: name} if family != "soft" else {})
    at = opened(scale="log", **link)
    before = mosaic(at)
    change(at, **{setting.name: setting.kind(setting.high)})
    assert not at.exception and not at.error
    assert not np.array_equal(before, mosaic(at))


def test_renormalising_can_be_switched_off() -> None:
    at = opened(rule="hard", hard="top-k")
    kept = cells(at).astype(float)
    np.testing.assert_allclose(kept.sum(1), 1, atol=1e-5)
    change(at, renormalise=False)
    assert (cells(at).sum(1) < 0.9999).any()


def test_hiding_specials_takes_out_their_rows_and_keeps_the_weights() -> None:
    at = opened()
    whole = cells(at)
    change(at, specials=False)
    assert charts(at)[1]["layout"]["xaxis"]["ticktext"] == list(START)
    np.testing.assert_array_equal(cells(at), whole[1:-1, 1:-1])


def test_row_scale_fills_the_largest_weight_of_each_row() -> None:
    assert np.allclose(cells(opened(scale="row")).max(1), 1)


def test_choosing_a_cell_explains_that_cell() -> None:
    at = opened()
    change(at, query=1, key=2)
    weight = cells(at)[1, 2]
    assert f"**南** looks at **京** with weight **{weight:.4f}**" in said(at)
    (frame,) = charts(at)[1]["layout"]["shapes"]
    assert (frame["y0"], frame["x0"]) == (0.5, 1.5)


def strongest(at: AppTest) -> tuple[int, int]:
    """The largest weight between two tokens of the text in the open head."""
    weights = cells(at).astype(float).copy()
    np.fill_diagonal(weights, 0)
    weights[[0, -1]] = weights[:, [0, -1]] = 0
    row, column = divmod(int(weights.argmax()), weights.shape[1])
    return row, column


def test_the_pair_that_is_explained_is_the_strongest_of_the_open_head_until_one_is_chosen() -> None:
    at = opened()
    for head in (2, 0):
        change(at, head=head)
        pair = strongest(at)
        assert (chosen(at, "query"), chosen(at, "key")) == pair
        assert f"{cells(at)[pair]:.4f}" in said(at) and "query" not in at.query_params
    change(at, query=1)
    weights = cells(at)[1].copy()
    weights[[0, 1, -1]] = 0
    assert chosen(at, "key") == int(weights.argmax())
    change(at, key=6, head=3)
    assert (chosen(at, "query"), chosen(at, "key")) == (1, 6), "a pair that was chosen stays"


def test_a_sample_is_put_into_the_box_and_forgets_the_blank() -> None:
    at = opened(blank="2")
    assert chosen(at, "blank") == 2
    pills = next(element for element in elements(at) if getattr(element, "key", None) == KEY + "sample")
    pills.set_value("乒乓球拍卖完了")
    at.run()
    assert not at.exception and control(at, "text").value == "乒乓球拍卖完了"
    assert chosen(at, "blank") is None
    assert charts(at)[1]["layout"]["xaxis"]["ticktext"][1:-1] == list("乒乓球拍卖完了")


def test_typing_another_text_forgets_the_blank() -> None:
    at = change(opened(blank="2"), text="猫")
    assert not at.exception and not at.error and chosen(at, "blank") is None


def test_a_blank_shows_the_mask_and_what_the_model_would_write() -> None:
    at = opened(blank="3")
    assert charts(at)[1]["layout"]["xaxis"]["ticktext"][3] == "[MASK]"
    assert control(at, "text").value == START, "the reader's text must stay as it is"
    assert len(candidates(at)) == 1 and len(re.findall(r"0\.\d{3}", candidates(at)[0])) == 5


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_button_shows_a_prediction_that_changes(lang: str) -> None:
    at = opened(lang)
    next(b for b in at.button if b.label == table(lang)["ui.try_change"]).click()
    at.run()
    assert not at.exception and not at.error
    soft, hard = ([part.split("**")[1] for part in line.split("|")[2:-1]] for line in candidates(at))
    assert len(soft) == len(hard) == 5 and soft != hard
    assert "[MASK]" in seen(control(at, "query").options[chosen(at, "query")])


def test_what_the_button_put_away_comes_back_by_another() -> None:
    at = opened("en", text="猫坐在垫子上", rule="sparse", query="2", key="4", model="lab-8")
    assert not [b for b in at.button if b.key == "attention.change_back"]
    for _ in range(2):  # the second press puts nothing else away
        next(b for b in at.button if b.label == table("en")["ui.try_change"]).click().run()
    assert table("en")["ui.change_set"] in said(at)
    back = next(b for b in at.button if b.key == "attention.change_back")
    assert back.label == "Back to: 猫坐在垫子上"
    back.click().run()
    now = {name: chosen(at, name) for name in ("text", "family", "query", "key", "model", "scope")}
    assert now == {
        "text": "猫坐在垫子上",
        "family": "sparse",
        "query": 2,
        "key": 4,
        "model": "lab-8",
        "scope": "redraw",
    }
    assert not [b for b in at.button if b.key == "attention.change_back"]
    change(at, text=CHANGE["text"])  # typed by hand: there is nothing to go back to
    assert not [b for b in at.button if b.key == "attention.change_back"]


def test_table_gives_one_line_to_each_number_of_heads() -> None:
    at = opened(model="lab-8")
    lines = next(e.value for e in at.sidebar.markdown if e.value.startswith("| heads")).splitlines()[2:]
    assert [line.split("|")[1].strip(" *") for line in lines] == ["1", "2", "4", "8"]
    assert ["**" in line for line in lines] == [False, False, False, True]
    assert lines[0].split("|")[-2].strip() == "–", "one head has no other to differ from"
    assert all(0 < float(line.split("|")[-2].strip(" *")) <= 1 for line in lines[1:])


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("link", [{}, HARD_RUN | {"blank": "3"}, {"rule": "sparse", "sparse": "entmax"}], ids=str)
def test_no_message_key_and_no_other_language_shows_through(lang: str, link: dict[str, str]) -> None:
    at = opened(lang, **link)
    for text in words(at):
        assert not re.search(r"\b(ui|rule|figure|error)\.[a-z_]+", text), text
        assert not re.search(r"\{[a-z_]*\}", re.sub(r"(\$+).*?\1", "", text, flags=re.S)), text
    other = table("en" if lang == "zh" else "zh")
    same = {key for key, text in table("zh").items() if text == table("en")[key]}
    wrong = {text for key, text in other.items() if key not in same and len(text) > 2 and "{" not in text} - {
        *NAMES.values()
    }
    assert not [text for text in words(at) if text in wrong or text.strip("*") in wrong]


def test_language_is_switched_in_place() -> None:
    at = opened("en", layer="2")
    change(at, lang="zh")
    assert not at.exception and control(at, "text").label == table("zh")["ui.text"]
    assert chosen(at, "layer") == 2
    assert charts(at)[0]["layout"]["xaxis"]["ticktext"][0] == "头 0"


def test_charts_carry_words_for_those_who_do_not_see_them() -> None:
    for lang, word in (("zh", "注意力"), ("en", "Attention weights")):
        for chart in opened(lang).get("plotly_chart"):
            assert word in str(chart.proto)


def test_a_cold_server_draws_the_same_page_controls_first(monkeypatch: pytest.MonkeyPatch) -> None:
    warm = opened(text="猫坐在垫子上", rule="hard")
    monkeypatch.setattr("attnviz.ui.stores.runs.cold", lambda: True)
    cold = opened(text="猫坐在垫子上", rule="hard")
    assert not cold.exception
    assert charts(cold) == charts(warm)
    assert sorted(words(cold)) == sorted(words(warm))


def nexts(at: AppTest) -> list[str]:
    """What the page offers to look at next."""
    return [one.label for one in at.button if str(one.key).startswith(KEY + "next")]


def test_what_to_look_at_next_does_what_it_says() -> None:
    at = opened()
    head, rule, blank = nexts(at)
    layer, number, share = re.search(r"layer (\d) head (\d): (\d+)% on the previous token", head).groups()  # type: ignore[union-attr]
    by_key(at, KEY + "next0").click()
    at.run()
    assert (chosen(at, "layer"), chosen(at, "head")) == (int(layer), int(number))
    text = cells(at)[1:-1, 1:-1]  # special tokens taken out
    rows = (text / text.sum(-1, keepdims=True))[1:]
    assert rows[range(len(rows)), range(len(rows))].mean() == pytest.approx(int(share) / 100, abs=0.006)
    assert head not in nexts(at), "it is open now"
    by_key(at, KEY + "next1").click()
    at.run()
    assert "largest weight" in rule and chosen(at, "scope") == "run" and set(np.unique(cells(at))) == {0, 1}
    assert nexts(at)[1] == "soft attention again" and "“长”" in blank
    by_key(at, KEY + "next2").click()
    at.run()
    assert not at.exception and candidates(at) and nexts(at)[2] == "the model with 8 heads"
    by_key(at, KEY + "next2").click()
    at.run()
    assert chosen(at, "model") == "lab-8" and nexts(at)[2] == "the model with a single head"
    by_key(at, KEY + "next1").click()
    at.run()
    assert not at.exception and chosen(at, "family") == "soft"


def test_a_token_that_is_no_text_is_not_offered_as_a_blank() -> None:
    assert nexts(change(opened(), query=0))[-1] == "the model with 8 heads"
