"""The page for long texts under AppTest: both languages, zoom, search, lines, costly runs, bad inputs."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest
from transformers import PreTrainedTokenizerBase

from attnviz import Argmax, load, record
from attnviz.core import blocks as streaming
from attnviz.errors import Stopped
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.long import choices as long
from attnviz.ui.pages.long import run as long_run
from attnviz.ui.pages.long import shown as long_shown
from attnviz.ui.pages.long.choices import FIRST, KEY, PARAMS, SAMPLES, sample
from attnviz.ui.pages.long.cost import Cost
from attnviz.ui.stores.runs import traces
from tests.pages.opened import PATIENCE, ROOT, array, elements, said
from tests.parity import tiny

GRID, MAP, SMALL, LINE = range(4)  # the charts in their order


SHORT = {"zh": "yueyang", "en": "gettysburg"}  # samples


def opened(lang: str = "en", **link: str) -> AppTest:
    """The page with a short text and a small model, unless the link says otherwise."""
    text = {} if {"text", "sample"} & set(link) else {"sample": SHORT[lang]}
    return visited(lang, **{"model": "lab-4", **text, **link})


def visited(lang: str = "en", **link: str) -> AppTest:
    """The page as a link opens it."""
    at = AppTest.from_file(str(ROOT / "pages" / "long.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    key = PARAMS[name].key if name in PARAMS else KEY + name
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def box(at: AppTest):  # type: ignore[no-untyped-def]
    """The text box; the link knows its text by another key."""
    return next(element for element in elements(at) if getattr(element, "key", None) == KEY + "text")


def chart(at: AppTest, number: int) -> dict:
    """The figure of one of the four charts."""
    return json.loads(at.get("plotly_chart")[number].proto.spec)


def cells(at: AppTest, number: int = MAP) -> np.ndarray:
    """The numbers that its colours stand for."""
    return array(chart(at, number)["data"][0]["z"])


def press(at: AppTest, name: str) -> AppTest:
    control(at, name).click()
    return at.run()


def link(at: AppTest) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}


def place(at: AppTest) -> tuple[int, ...] | None:
    """The window in the link: q0, q1, k0, k1."""
    found = [at.session_state[KEY + name] for name in long.WINDOW]
    return None if None in found else tuple(found)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A tiny decoder that reads 4,096 tokens."""
    tokenizer = deepcopy(wordpiece)
    tokenizer.model_max_length = 4096
    folder = tmp_path_factory.mktemp("llama")
    return str(tiny.save("causal", "llama", folder, tokenizer, max_position_embeddings=4096))


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is expected to take ten seconds."""
    monkeypatch.setattr(long_run, "expected", lambda model, tokens: Cost(tokens, 10.0, 3 * 10**6))
    traces().clear()


LONG = "the cat sat on the mat because it was tired. " * 60


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_shows_four_pictures_and_speaks_the_language(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error and len(at.get("plotly_chart")) == 4
    assert say("long.title", lang) in said(at)
    assert "long." not in said(at)
    assert box(at).value != ""
    assert at.session_state[KEY + "text"] == sample(SHORT[lang])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_begins_with_thousands_of_tokens_and_no_network(lang: str) -> None:
    at = visited(lang)
    assert not at.exception and not at.error and len(at.get("plotly_chart")) == 4, "nothing had to be started"
    assert at.session_state[KEY + "text"] == sample(FIRST[lang])
    encoded = load("lab-long").tokenizer(sample(FIRST[lang]))["input_ids"]
    assert 7_000 < len(encoded) <= 8_192
    assert f"{len(encoded):,}" in said(at) and "lab-long" in said(at)


def test_a_grid_that_is_late_says_how_far_it_is_and_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_shown, "MOMENT", 0.0)
    shown: list[float] = []
    monkeypatch.setattr(DeltaGenerator, "progress", lambda self, share, text: shown.append(share))
    traces().clear()
    text = "the cat sat on the mat. " * 30
    first = opened(text=text)
    assert not first.exception and shown == sorted(shown) and len(shown) >= 15
    again = opened(text=text)
    assert not again.exception and len(again.get("plotly_chart")) == 4 and len(shown) < 16, "it was not made again"
    assert chart(first, GRID) == chart(again, GRID)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_list_says_how_much_the_built_in_models_read(lang: str) -> None:
    options = control(opened(lang), "model").options
    assert say("long.reads", lang, count="8,192") in options[0], "the one that reads long texts stands first"
    assert sum(say("long.reads", lang, count="256") in option for option in options) == 5


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_is_read_and_stands_in_the_link(name: str) -> None:
    at = opened()
    control(at, "pill").set_value(name)
    at.run()
    assert not at.exception and not at.error
    assert at.session_state[KEY + "text"] == sample(name)
    assert link(at).get("sample") == (None if name == FIRST["en"] else name)
    again = visited(**link(at))
    assert again.session_state[KEY + "text"] == sample(name)


@pytest.mark.parametrize("name", ["yueyang_twice", "gettysburg_twice"])
def test_a_text_that_stands_twice_opens_on_a_head_that_reads_on_from_its_first_time(name: str) -> None:
    at = opened(model="lab-long")
    control(at, "pill").set_value(name)
    at.run()
    layer, head = (at.session_state[PARAMS[one].key] for one in ("layer", "head"))
    trace = record(load("lab-long"), sample(name), values=False)
    tokens = trace.encoded.labels
    half = sum(span is not None and span[0] < len(sample(name)) // 2 for span in trace.encoded.spans)
    begin = 1 + half
    assert tokens[begin : begin + 100] == tokens[1:101], "the second time begins there"
    rows = trace.attention(layer).weights[head][begin : begin + half - 1]
    ahead = rows[:, 2 : 2 + half].diagonal().mean()
    assert (layer, head) == (3, 4) and ahead > 0.5
    query = at.session_state[PARAMS["query"].key]
    assert query > begin and int(trace.attention(layer).weights[head][query].argmax()) == query - half + 1
    other = opened(model="lab-4")
    control(other, "pill").set_value(name)
    other.run()
    assert other.session_state[PARAMS["head"].key] == 2, "of another model the head stays"


def test_a_window_shows_the_weights_of_its_tokens() -> None:
    at = opened(q0="10", q1="30", k0="5", k1="45", layer="2", head="1", scale="unit")
    trace = record(load("lab-4"), sample("gettysburg"))
    expected = streaming.window(trace.attention(2, 1), range(10, 30), range(5, 45)).numpy()
    np.testing.assert_allclose(cells(at), expected, atol=1 / 255)
    layout = chart(at, MAP)["layout"]
    assert list(layout["yaxis"]["ticktext"]) == trace.tokens[10:30]
    assert list(layout["xaxis"]["ticktext"]) == trace.tokens[5:45]


def test_a_large_part_is_pooled_and_says_so(llama: str) -> None:
    part = {"q0": "100", "q1": "600", "k0": "0", "k1": "300", "query": "20"}
    at = opened(model=llama, text=LONG, layer="1", head="3", scale="unit", **part)
    trace = record(load(llama), LONG)
    expected = streaming.pooled(trace.attention(1, 3), (480, 480), part=(range(100, 600), range(300))).numpy()
    shown = cells(at)
    assert shown.shape == (480, 300)
    hidden = np.isnan(expected)
    np.testing.assert_allclose(shown[~hidden] / 200, expected[~hidden], atol=0.51 / 200)
    assert list(chart(at, MAP)["layout"]["yaxis"]["range"]) == [599.5, 99.5]
    pooled = say("long.pooled", "en", how=say("long.how_max", "en"), pairs="2 × 1")
    assert pooled in said(at) and say("long.one_by_one", "en") in said(opened(**WHERE))
    closer = place(press(at, "in"))
    assert closer == (225, 475, 75, 225), "half the size, the same middle"
    assert say("long.one_by_one", "en") in said(at)


@pytest.mark.parametrize("how", ["max", "mean"])
def test_the_overview_is_pooled_as_chosen_and_says_so(how: str, llama: str) -> None:
    at = opened(model=llama, text=LONG, layer="1", head="3", how=how, scale="unit")
    trace = record(load(llama), LONG)
    assert len(trace.tokens) > 600
    shown = cells(at)
    expected = streaming.pooled(trace.attention(1, 3), shown.shape, how).numpy()
    assert shown.shape == (480, 480)
    hidden = np.isnan(expected)
    np.testing.assert_array_equal(shown == 212, hidden)  # the byte of what is not allowed
    top = expected[~hidden].max() if how == "mean" else 1
    np.testing.assert_allclose(shown[~hidden] / 200, expected[~hidden] / top, atol=0.51 / 200)
    other = opened(model=llama, text=LONG, layer="1", head="3", how="mean" if how == "max" else "max", scale="unit")
    bars = [chart(one, MAP)["data"][1]["marker"]["colorbar"]["title"]["text"] for one in (at, other)]
    assert bars[0] != bars[1]


def test_steps_move_the_window_and_the_link_brings_it_back() -> None:
    at = opened(query="100", key="50")
    assert control(at, "left").disabled and control(at, "back").disabled
    first = place(press(at, "in"))
    assert first is not None and first[0] <= 100 < first[1] and first[2] <= 50 < first[3]
    moved = place(press(at, "right"))
    assert moved is not None and moved[:2] == first[:2] and moved[2] > first[2]
    there = opened(**link(at))
    assert place(there) == moved
    np.testing.assert_array_equal(cells(there), cells(at))
    assert place(press(at, "back")) == first
    press(at, "right")
    assert place(press(at, "overview")) is None
    assert not set(long.WINDOW) & set(link(at))


def test_the_minimap_frames_the_window() -> None:
    overview, zoomed = (len(chart(opened(**where), SMALL)["layout"].get("shapes", [])) for where in ({}, WHERE))
    assert zoomed == overview + 1


WHERE = {"q0": "10", "q1": "40", "k0": "10", "k1": "40"}


def test_a_rule_redraws_the_window() -> None:
    at = opened(rule="hard", hard="argmax", scale="unit", **WHERE)
    trace = record(load("lab-4"), sample("gettysburg"))
    expected = streaming.window(trace.attention(3, 2, Argmax()), range(10, 40), range(10, 40)).numpy()
    np.testing.assert_allclose(cells(at), expected, atol=1 / 255)


@pytest.mark.parametrize(("wanted", "lang"), [("DEDICATE", "en"), ("不", "zh")])
def test_search_counts_and_jumps(wanted: str, lang: str) -> None:
    at = opened(lang, find=wanted, query="0")
    trace = record(load("lab-4"), sample(SHORT[lang]))
    hits = long.occurrences(trace.encoded, wanted)
    assert len(hits) > 1
    assert say("long.found_count", lang, count=len(hits)) in said(at)
    press(at, "next")
    assert at.session_state[KEY + "query"] == hits[0][0]
    found = place(at)
    assert found is not None and hits[0][0] in range(found[0], found[1])
    assert say("long.found", lang, count=len(hits), which=1) in said(at)
    press(at, "previous")
    assert at.session_state[KEY + "query"] == hits[-1][0]


def test_search_for_what_is_not_there_says_so() -> None:
    at = opened(find="zebra")
    assert say("long.found_none", "en") in said(at) and control(at, "next").disabled


@pytest.mark.parametrize("side", ["query", "key"])
def test_a_row_or_a_column_is_followed_as_a_line(side: str) -> None:
    at = opened(follow=side, **{side: "33"}, layer="1", head="0")
    trace = record(load("lab-4"), sample("gettysburg"))
    found = trace.attention(1, 0)
    expected = (streaming.row(found, 33) if side == "query" else streaming.column(found, 33)).numpy()
    line = next(one for one in chart(at, LINE)["data"] if len(array(one["y"])) == len(expected))
    np.testing.assert_allclose(array(line["y"]), expected, atol=1e-5)
    assert control(at, side).value == 33


def test_a_token_that_is_not_there_is_brought_into_the_text() -> None:
    at = opened(query="99999", q0="5000", q1="5100", k0="0", k1="100")
    assert not at.exception and not at.error
    assert at.session_state[KEY + "query"] == 255 and place(at) is None


def test_a_head_of_another_layer_is_opened() -> None:
    at = opened()
    before = cells(at)
    control(at, "head").set_value(0)
    at.run()
    assert not np.array_equal(cells(at), before)
    assert not at.exception


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "   \n ", "\u200b"])
def test_a_text_that_cannot_be_read_is_said_in_one_sentence(text: str, lang: str) -> None:
    at = opened(lang)
    box(at).set_value(text)
    at.run()
    assert not at.exception and len(at.error) == 1
    assert box(at).value == text, "nothing typed is lost"
    assert len(at.get("plotly_chart")) == 4, "the last result stays"
    assert any(
        say("long.last", lang, model="§", tokens=1, text="").split("§")[0] in one for one in said(at).split("\n")
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_huge_text_gets_the_sentence_that_says_the_limit(lang: str) -> None:
    at = opened(lang)
    box(at).set_value("桥" * 200_001)
    at.run()
    assert not at.exception
    assert [one.value for one in at.error] == [say("error.text_huge", lang, characters=200_001, most=200_000)]


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧‍👦🎉" * 50, "<script>alert(1)</script>" * 20, "שלום עולם " * 40, "*_`$x$`_* | # " * 30]
)
def test_strange_texts_are_drawn_or_refused_in_a_sentence(text: str) -> None:
    at = opened()
    box(at).set_value(text)
    at.run()
    assert not at.exception and len(at.error) <= 1 and len(at.get("plotly_chart")) == 4


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_that_is_not_there_gets_a_sentence(lang: str, tmp_path: Path) -> None:
    at = opened(lang, model=str(tmp_path))
    assert not at.exception and len(at.error) == 1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_costly_run_says_what_it_takes_and_waits(lang: str, llama: str, costly: None) -> None:
    at = opened(lang, model=llama, text=LONG)
    assert not at.exception and len(at.get("plotly_chart")) == 0
    words = said(at)
    assert say("long.seconds", lang, count=10) in words and "3 MB" in words
    assert f"{len(record(load(llama), LONG).tokens):,}" in words
    press(at, "start")
    assert not at.exception and len(at.get("plotly_chart")) == 4


def test_a_run_that_is_stopped_leaves_the_page_as_it_was(
    llama: str, costly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = opened(model=llama, text=LONG)
    press(at, "start")
    before = cells(at)

    def stopped(*_: object, **__: object) -> None:
        raise Stopped("run_stopped")

    monkeypatch.setattr("attnviz.recording.record.record", stopped)
    box(at).set_value(LONG + "the dog")
    at.run()
    press(at, "start")
    at.run()  # a click on Stop is what runs the page again
    assert not at.exception and not at.error
    np.testing.assert_array_equal(cells(at), before)
    assert box(at).value == LONG + "the dog"
    assert control(at, "start") is not None


def test_a_stopped_run_does_not_start_by_itself_again(llama: str) -> None:
    at = opened(model=llama, text=LONG + "x")
    other = LONG + "y"
    at.session_state[KEY + "stopped"] = long_run.RunRequest(llama, "", other)
    box(at).set_value(other)
    at.run()
    assert control(at, "start") is not None and not at.exception


def test_layers_are_told_while_the_model_runs(llama: str) -> None:
    heard: list[tuple[int, int]] = []
    record(load(llama), LONG, on_layer=lambda done, layers: heard.append((done, layers)))
    assert heard[-1] == (2, 2)


def test_what_a_link_cannot_carry_is_said(llama: str) -> None:
    at = opened(model=llama)
    box(at).set_value(LONG * 3)
    at.run()
    assert "text" not in link(at) and "text.kept" in link(at)
    assert say("ui.text_left_out", "en") in said(at)
    short = LONG[:400].strip()
    box(at).set_value(short)
    at.run()
    assert link(at)["text"] == short and opened(**link(at)).session_state[KEY + "text"] == short


def test_only_a_window_is_offered_as_a_file() -> None:
    assert len(opened(**WHERE).get("download_button")) == 2 and len(opened().get("download_button")) == 0
