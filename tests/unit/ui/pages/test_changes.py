"""The short codes of changes: what the engine does for them, and which of a link's are taken."""

from __future__ import annotations

import pytest

from attnviz import ForbidEdge, HideToken, Intervention, KeepHead, RemoveHeads, load, record
from attnviz.ui.pages.models import changes
from attnviz.ui.pages.models.choices import change_title


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("-3.2", RemoveHeads((2,), layers=(3,))),
        ("=0.1", KeepHead(1, layers=(0,))),
        ("5>4", ForbidEdge(5, 4)),
        ("5>4@3", ForbidEdge(5, 4, layers=(3,))),
        ("5>4@3.2", ForbidEdge(5, 4, (2,), layers=(3,))),
        ("~4", HideToken(4)),
        ("~4@0", HideToken(4, layers=(0,))),
        ("cross:-3.2", RemoveHeads((2,), layers=(3,), part="cross")),
        ("decoder:~10", HideToken(10, part="decoder")),
        ("cross:1>0@0.0", ForbidEdge(1, 0, (0,), layers=(0,), part="cross")),
    ],
)
def test_code_means_one_intervention(code: str, meant: Intervention) -> None:
    assert changes.as_interventions([code]) == (meant,)
    assert changes.read(code) == code


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("~4_5", (HideToken(4), HideToken(5))),
        ("decoder:~0_2@1", (HideToken(0, layers=(1,), part="decoder"), HideToken(2, layers=(1,), part="decoder"))),
        ("1_2>4", (ForbidEdge(1, 4), ForbidEdge(2, 4))),
        ("1_2>4_5@3.2", tuple(ForbidEdge(q, k, (2,), layers=(3,)) for q in (1, 2) for k in (4, 5))),
    ],
)
def test_code_of_a_word_means_a_change_for_each_of_its_tokens(code: str, meant: tuple[Intervention, ...]) -> None:
    assert changes.as_interventions([code]) == meant and changes.read(code) == code
    assert changes.as_interventions(["-0.1", code]) == (RemoveHeads((1,), layers=(0,)), *meant)


def test_contradictions_are_told_by_code_where_a_word_stands_between() -> None:
    assert changes.contradiction(["~1_2_3", "=0.1", "1_2>3", "-0.1"]) == (1, 3)
    assert changes.contradiction(["~1_2_3", "1_2>3"]) is None
    assert changes.against("-0.1", ["~1_2", "=0.1"]) == "=0.1"


def test_a_word_is_idle_only_where_all_its_edges_are() -> None:
    before = record(load("lab-gpt"), "南京市长江大桥")
    assert changes.idle(["1_2>3_4", "2_3>3_4", "~1_2"], before) == ["1_2>3_4"]


def test_title_says_the_word_or_character_that_is_changed() -> None:
    trace = record(load("lab-4"), "南京市长江大桥 unbelievable")
    words = trace.queries.grouped("word")
    several = [(label, places) for label, places in zip(words.labels, words.places, strict=True) if len(places) > 1]
    assert len(several) > 1
    for label, places in several:
        said = change_title(f"~{changes.named(places)}", trace)
        assert label in said and f"{places[0]}–{places[-1]}" in said
    assert "3, 5 市 江" in change_title("~3_5", trace), "what is no unit is named token by token"
    assert "2–9" in change_title("~2_3_4_5_6_7_8_9", record(load("lab-4"), "南京"))


def test_link_keeps_the_codes_that_say_something() -> None:
    assert changes.read("-3.2;nonsense;5>4;-3;;~;cross:;~4@1.x;=1.1;~4_;5_>4;_1>2;~4_x") == "-3.2;5>4;=1.1"
    assert changes.read("") == ""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_title_names_the_tokens_that_it_is_about(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.ui.kit.languages.language", lambda: language)
    trace = record(load("lab-4"), "南京市")
    said = change_title("1>2@3.0", trace)
    assert "南" in said and "京" in said and "3" in said
    assert "市" in change_title("~3", trace)
    assert "9" in change_title("~9", trace)  # a code of a longer text
    assert change_title("cross:-3.2") != change_title("-3.2")
    assert change_title("vision:-3.2").startswith("vision · ")  # maps bear any name
