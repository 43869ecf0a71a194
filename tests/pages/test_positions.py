"""The positions page under AppTest: what each control does, in both languages, and what bad input gives."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz.core import positions as say_where
from attnviz.core.rules import Soft, Sparsemax
from attnviz.messages import LANGUAGES, say, table
from attnviz.systems.positions.system import load, restored, shuffled
from attnviz.ui.kit.markdown import plain
from attnviz.ui.pages.positions.choices import CHANGES, ENCODINGS, KEY, MOST_SHOWN, PARAMS, SAMPLES, START
from tests.pages.opened import PATIENCE, ROOT, array, elements, said, seen

BOTH = len(START) + 2


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "positions.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    key = PARAMS[name].key if name in PARAMS else KEY + name
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def heads(at: AppTest) -> list[np.ndarray]:
    return [array(chart["data"][0]["z"]) for chart in charts(at)[-2:]]


def who(at: AppTest) -> list[list[str]]:
    """The rows of the table of who notices."""
    lines = next(text for text in said(at).split("\n\n") if say("positions.col_notices", "en") in text).splitlines()
    start = next(n for n, line in enumerate(lines) if say("positions.col_notices", "en") in line) + 2
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[start : start + len(ENCODINGS)]]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_page_opens_in_both_languages_with_every_encoding(encoding: str, lang: str) -> None:
    at = opened(lang, encoding=encoding)
    assert not at.exception and not at.error and not at.warning
    words = said(at)
    assert not re.search(r"\b(ui|positions|figure|error)\.[a-z_]+\b", words), "a raw message key"
    for name in ("title", f"what_{encoding}", f"alike_{encoding}", "begins_title"):
        assert say(f"positions.{name}", lang).split("$")[0].split("<")[0] in words, name
    assert len(charts(at)) == (4 if encoding == "none" else 6)
    assert {encoding for encoding in ENCODINGS if say(f"positions.{encoding}", lang) in words} == set(ENCODINGS)


def test_only_the_model_without_positions_does_not_notice() -> None:
    for text in (START, "狗咬人。", "The dog bites the man."):
        rows = who(opened(text=text))
        assert [row[0].strip("*") for row in rows] == [say(f"positions.{encoding}", "en") for encoding in ENCODINGS]
        assert [row[1].strip("*") for row in rows] == ["no", "yes", "yes", "yes", "yes"], text
        assert rows[0][2] == "0.000" and all(float(row[2]) > 0.005 for row in rows[1:])
        assert [row[3] for row in rows] == ["0.000"] * 5, "with positions left out nobody notices"


def test_maps_of_a_head_are_those_of_the_model_and_in_one_order() -> None:
    at = opened(encoding="rotary", layer="1", head="2")
    model = load("positions-rotary")
    order = shuffled(model.encode(START), 1)
    before = model.read(START)
    after = restored(model.read(START, order=order), order)
    for (
        picture,
        trace,
    ) in zip(heads(at), (before, after), strict=True):
        np.testing.assert_allclose(picture, trace.weights(1, 2).numpy(), atol=1e-6)
    labels = [chart["layout"]["xaxis"]["ticktext"] for chart in charts(at)[-2:]]
    assert labels == [["[CLS]", *START, "[SEP]"]] * 2


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_stands_beside_the_sentence_in_order_is_what_was_chosen(encoding: str) -> None:
    model = load(f"positions-{encoding}")
    for change in CHANGES:
        at = opened(encoding=encoding, change=change, layer="0", head="0")
        order = shuffled(model.encode(START), 1) if change != "unsaid" else tuple(range(BOTH))
        wanted = restored(model.read(START, order=order, positions=change == "shuffled"), order)
        np.testing.assert_allclose(heads(at)[1], wanted.weights(0, 0).numpy(), atol=1e-6)
    same = say("positions.heads_same", "en")
    assert (same in said(opened(encoding=encoding))) == (encoding == "none")


def test_beginnings_are_those_of_both_runs_token_under_token() -> None:
    rows = np.concatenate([array(part["z"]).reshape(2, -1) for part in charts(opened())[0]["data"] if "z" in part])
    for number, encoding in enumerate(ENCODINGS):
        model = load(f"positions-{encoding}")
        order = shuffled(model.encode(START), 1)
        runs = model.read(START), restored(model.read(START, order=order), order)
        for row, run in zip(rows[2 * number : 2 * number + 2], runs, strict=True):
            assert run.boundaries is not None
            np.testing.assert_allclose(row, run.boundaries[1:-1].numpy(), atol=1e-6)


def test_encoding_is_drawn_as_it_is_computed() -> None:
    where = torch.arange(64)
    table = load("positions-learned").network.encoder.table
    assert table is not None
    drawn = {
        encoding: charts(opened(encoding=encoding))[1:3] for encoding in ("sinusoidal", "learned", "rotary", "alibi")
    }
    sines = array(drawn["sinusoidal"][0]["data"][0]["z"])
    np.testing.assert_allclose(sines, say_where.sinusoidal(where, 96).numpy(), atol=1e-6)
    np.testing.assert_allclose(
        array(drawn["learned"][0]["data"][0]["z"]), table.weight.detach()[:64].numpy() * 96**0.5, atol=1e-5
    )
    turned = array(drawn["rotary"][0]["data"][0]["z"])
    np.testing.assert_allclose(np.cos(turned), say_where.angles(where, 24).cos().numpy(), atol=1e-5)
    biases = array(drawn["alibi"][0]["data"][0]["z"])
    assert biases.shape == (24, 4 * 24 + 3 * 2)
    for head, slope in enumerate((1 / 4, 1 / 16, 1 / 64, 1 / 256)):
        assert biases[3, head * 26 + 10] == pytest.approx(-7 * slope)


def test_similarity_by_distance_is_drawn_as_the_formulas_say() -> None:
    def line(encoding: str, number: int = 0) -> dict:
        return charts(opened(encoding=encoding))[2]["data"][number]

    for encoding, width in (("sinusoidal", 96), ("rotary", 24)):
        found = line(encoding)
        theta = 10000 ** (-np.arange(0, width, 2) / width)
        expected = [np.cos(offset * theta).mean() for offset in array(found["x"])]
        np.testing.assert_allclose(array(found["y"]), expected, atol=1e-12)
    steep = line("alibi", 1)
    np.testing.assert_allclose(array(steep["y"]), -abs(array(steep["x"])) / 16)
    table = load("positions-learned").network.encoder.table
    assert table is not None
    rows = table.weight.detach()[:64].double()
    cosines = [float(torch.cosine_similarity(rows[i], rows[i + 5], dim=0)) for i in range(59)]
    learned = line("learned")
    assert array(learned["y"])[list(array(learned["x"])).index(5)] == pytest.approx(np.mean(cosines))


def test_the_head_that_changes_most_is_opened_until_another_is_chosen() -> None:
    at = opened(encoding="learned")
    model = load("positions-learned")
    order = shuffled(model.encode(START), 1)
    before, after = model.read(START), restored(model.read(START, order=order), order)
    gaps = [[(before.weights(la, he) - after.weights(la, he)).abs().max().item() for he in range(4)] for la in range(3)]
    layer, head = int(control(at, "layer").value), int(control(at, "head").value)
    assert gaps[layer][head] == max(map(max, gaps))
    assert say("positions.heads_differ", "en", most=f"{gaps[layer][head]:.3f}") in said(at)
    control(at, "head").set_value((head + 1) % 4).run()
    np.testing.assert_allclose(heads(at)[0], before.weights(layer, (head + 1) % 4).numpy(), atol=1e-6)
    control(at, "encoding").set_value("rotary").run()
    assert not at.exception and at.session_state[PARAMS["encoding"].key] == "rotary"


def test_shuffle_gives_another_order_and_back_the_first() -> None:
    at = opened()
    first = who(at)
    control(at, "mix").click().run()
    assert not at.exception and at.query_params["shuffle"] == "2" and who(at) != first
    control(at, "back").click().run()
    assert not at.exception
    assert all(row[2] == "0.000" and row[4] == "0" for row in who(at)), "in order nothing moves"
    assert at.query_params["order"] == ".".join(map(str, range(BOTH)))


def test_two_tokens_swap_and_the_link_brings_the_order_back() -> None:
    at = opened(text="狗咬人。", order="0.1.2.3.4.5")
    control(at, "swap_first").set_value(1).run()
    control(at, "swap_second").set_value(3).run()
    control(at, "swap").click().run()
    assert not at.exception and at.query_params["order"] == "0.3.2.1.4.5"
    assert say("positions.order_now", "en", tokens="人 咬 狗 。") in said(at)
    again = opened(text="狗咬人。", order="0.3.2.1.4.5")
    assert who(again) == who(at)


def test_a_long_order_ends_after_a_whole_token_and_writes_no_markup() -> None:
    at = opened(text="*" * 60)
    assert say("positions.order_now", "en", tokens=" ".join([plain("[UNK:*]")] * MOST_SHOWN + ["…"])) in said(at)


def test_another_sentence_forgets_the_order() -> None:
    at = opened(text="狗咬人。", order="0.3.2.1.4.5")
    control(at, "text").set_value("The dog bites the man.").run()
    assert not at.exception and not at.error and "order" not in at.query_params
    control(at, "sample").set_value(SAMPLES[0]).run()
    assert control(at, "text").value == SAMPLES[0] and not at.error


def test_a_blank_is_filled_by_all_five_in_three_ways() -> None:
    at = opened(text="他是一名美国[MASK]员。")
    head = "| " + " | ".join(
        say(f"positions.{key}", "en") for key in ("col_blank", "read_order", "read_shuffled", "read_unsaid")
    )
    rows = said(at).split(head)[1].splitlines()[2:7]
    model = load("positions-learned")
    best = model.read("他是一名美国[MASK]员。").predictions(7, 1)[0]
    assert f"**{best[0]}** {best[1]:.3f}" in rows[2].split("|")[2]
    assert [row.split("|")[2] for row in rows] != [row.split("|")[3] for row in rows]
    assert rows[0].split("|")[2] == rows[0].split("|")[3], "the model without positions fills it alike"


def test_rule_changes_what_is_computed() -> None:
    link = {"encoding": "alibi", "layer": "0", "head": "0"}
    plain, sparse = opened(**link), opened(**link, rule="sparse")
    model = load("positions-alibi")
    for at, rule in ((plain, Soft()), (sparse, Sparsemax())):
        np.testing.assert_allclose(heads(at)[0], model.read(START, rule=rule).weights(0, 0).numpy(), atol=1e-6)
    assert who(plain)[1:] != who(sparse)[1:]
    assert who(sparse)[0][2] == "0.000"


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "😀", "<b>x</b>", "שלום עולם", "南" * 600, "a|b $x$ *y*"])
def test_any_text_gives_pictures_or_one_sentence_and_stays(text: str) -> None:
    at = opened()
    control(at, "text").set_value(text).run()
    assert not at.exception
    assert len(at.error) == 1 or len(charts(at)) == 6
    assert control(at, "text").value == text
    if len(text) > 500:
        assert "256" in at.warning[0].value


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_order_of_another_sentence_is_refused_in_one_sentence(lang: str) -> None:
    at = opened(lang, order="0.1.2")
    assert [seen(error.value) for error in at.error] == [say("error.positions_order", lang, tokens=BOTH)]
    control(at, "back").click().run()
    assert not at.error and not at.exception


def test_a_link_with_slips_opens() -> None:
    at = opened(order="x", layer="9", encoding="?", change="", shuffle="-1")
    assert not at.exception and not at.error
    assert at.session_state[PARAMS["encoding"].key] == "sinusoidal"


def test_held_out_table_shows_the_models_own_figures() -> None:
    words = said(opened())
    for encoding in ENCODINGS:
        file = ROOT / "attnviz" / "weights" / f"positions-{encoding}" / "figures.json"
        figures = json.loads(file.read_text(encoding="utf-8"))["figures"]
        name = table("en")[f"positions.{encoding}"]
        wanted = f"| {name} | {figures['masked_accuracy_both']:.3f} | {figures['masked_accuracy_shuffled_both']:.3f} |"
        assert wanted in words
