"""The page on sparse attention: it opens, every pattern does what its name says, numbers agree with the engine."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz.core.interventions import Restrict
from attnviz.core.masks import Window
from attnviz.messages import LANGUAGES, say, table
from attnviz.models import load
from attnviz.recording.record import record
from attnviz.ui.kit import LINKED_SAMPLES
from attnviz.ui.pages.sparse import shown as pairs
from attnviz.ui.pages.sparse.choices import KEY, NUMBERS, PARAMS, PATTERNS
from tests.pages.models.opened import effect
from tests.pages.opened import PATIENCE, ROOT, array, charts, elements, said, seen

TEXT = "他把书还给了图书馆"
PICTURES = 5  # pattern, head, growth, windows, shares


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "sparse.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    key = PARAMS[name].key if name in PARAMS else KEY + name
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def pattern(at: AppTest) -> np.ndarray:
    """The small picture: 1 where a pair is computed."""
    return array(charts(at)[0]["data"][0]["z"])


def head(at: AppTest) -> np.ndarray:
    """The open head's cells, NaN where not allowed."""
    return array(charts(at)[1]["data"][0]["z"]).astype(float)


def raw_keys(at: AppTest) -> list[str]:
    """What looks like a message id instead of a message."""
    return re.findall(r"\b(?:sparse|asking|limits|figure|error|ui)\.[a-z_]+", said(at))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_page_opens_with_its_pictures_in_words_of_the_language(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    assert len(charts(at)) == PICTURES and not raw_keys(at)
    labels = set(table(lang).values())
    for name in ("text", "model", "pattern", "pattern_size", "at", "layer", "head", "family"):
        assert control(at, name).label in labels, name


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("model", ["lab-4", "lab-gpt"])
def test_every_pattern_is_drawn_for_both_kinds_of_model(name: str, model: str) -> None:
    at = opened("zh", pattern=name, model=model)
    assert not at.exception and not at.error and not raw_keys(at)
    allowed = pattern(at) > 0
    assert allowed.diagonal().all()
    assert np.array_equal(np.isnan(head(at)), ~allowed)
    assert np.nansum(head(at), axis=1) == pytest.approx(1, abs=1e-4)
    assert f"**{allowed.sum()}**" in said(at)
    assert not (model == "lab-gpt" and np.triu(allowed, 1).any())
    for number in NUMBERS[name]:
        assert control(at, f"pattern_{number}").label in table("zh").values()


def test_pictures_are_those_of_a_run_with_the_pattern() -> None:
    at = opened(text=TEXT, at="4", size="1", layer="3", head="1")
    trace = record(load("lab-4"), TEXT, blank=4, interventions=[Restrict(Window(1))])
    np.testing.assert_allclose(np.nan_to_num(head(at)), trace.weights(3, 1).numpy(), atol=1e-6)
    n = len(trace.tokens)
    assert f"{3 * n - 2}" in said(at) and f"{n}\\cdot3-2={3 * n - 2}" in said(at)
    first = re.findall(r"class='after'><i [^>]*></i>([\d.]+)", effect(at))
    assert max(map(float, first)) == pytest.approx(trace.predictions(4, 1)[0][1], abs=6e-4)


@pytest.mark.parametrize(
    ("name", "number", "value"),
    [
        ("window", "size", 5), ("dilated", "gap", 3), ("global", "tokens", 4), ("random", "keys", 4),
        ("random", "seed", 9), ("strided", "stride", 7), ("fixed", "summaries", 3),
    ],
)  # fmt: skip
def test_each_number_changes_the_pattern(name: str, number: str, value: int) -> None:
    at = opened(pattern=name)
    before = pattern(at)
    control(at, f"pattern_{number}").set_value(value)
    at.run()
    assert not at.exception and not at.error
    assert not np.array_equal(before, pattern(at))
    written = PARAMS[f"pattern_{number}"].name
    assert at.query_params[written] in (str(value), [str(value)])
    again = opened(pattern=name, **{written: str(value)})
    assert np.array_equal(pattern(again), pattern(at))


def test_default_shows_a_prediction_that_the_window_changes() -> None:
    """华 in 中华人民共和国 is told by what stands three tokens on; a window of two does not reach it."""
    shown = effect(opened())
    bar = r"<td class='(?:before|after)'><i [^>]*></i>([\d.]+)</td>"
    rows = re.findall(rf"<tr><td>(.)</td>{bar}{bar}", shown)
    before, after = ({token: float(row[at]) for token, *row in rows} for at in (0, 1))
    assert max(before, key=before.get) == "华" and max(after, key=after.get) == "国"


def test_model_as_it_is_shows_no_change() -> None:
    at = opened(pattern="own")
    assert (pattern(at) == 1).all() and "class='after'" not in effect(at)


def test_rule_joins_the_pattern() -> None:
    at = opened(rule="hard", hard="argmax")
    assert ((np.nan_to_num(head(at)) > 0).sum(1) == 1).all()


def test_model_that_was_typed_is_taken() -> None:
    at = opened()
    control(at, "model").set_value("lab-8")
    at.run()
    assert not at.exception and not at.error
    assert control(at, "head").options == [str(number) for number in range(8)]
    assert at.query_params["model"] in ("lab-8", ["lab-8"])


def test_sample_takes_the_place_of_the_text() -> None:
    at = opened(at="3")
    next(pill for pill in at.get("button_group") if pill.key == KEY + "sample").set_value(LINKED_SAMPLES[3])
    at.run()
    assert not at.exception and at.session_state[KEY + "text"] == LINKED_SAMPLES[3]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "   ", "\u200b", "\x01\x02"])
def test_text_with_nothing_to_read_gives_one_sentence_and_stays(text: str, lang: str) -> None:
    at = opened(lang, text=text)
    assert not at.exception and len(at.error) == 1 and not raw_keys(at)
    assert control(at, "text").value == text


@pytest.mark.parametrize("text", ["🎉🎉", "<b>x</b> [MASK]", "من ينظر", "$x$ | {y} %{z}", "猫" * 3000, "a"])
def test_unusual_text_is_drawn(text: str) -> None:
    at = opened(text=text)
    assert not at.exception and not at.error and len(charts(at)) == PICTURES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_model_that_is_not_there_gives_a_sentence(lang: str) -> None:
    at = opened(lang, model="./nowhere", text="我写的字")
    assert [seen(error.value) for error in at.error] == [say("error.folder_missing", lang, model="./nowhere")]
    assert control(at, "text").value == "我写的字" and not at.exception


@pytest.mark.parametrize("name", ["window", "strided", "own"])
def test_measuring_draws_time_and_memory_and_keeps_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "LENGTHS", (32, 64))
    at = opened(pattern=name)
    at.button(key=KEY + "cost.start").click()
    at.run()
    assert not at.exception and not at.error and len(charts(at)) == PICTURES + 2
    lines = charts(at)[-1]["data"]
    assert len(lines) == {"window": 3, "strided": 2, "own": 1}[name]
    assert all(list(array(line["x"])) == [32, 64] for line in lines)
    assert "64 tokens:" in said(at)
    control(at, "layer").set_value(0)
    at.run()
    assert len(charts(at)) == PICTURES + 2  # they stay
    if name == "window":
        control(at, "pattern_size").set_value(9)
        at.run()
        assert len(charts(at)) == PICTURES  # another pattern is another measurement
