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


def test_link_keeps_the_codes_that_say_something() -> None:
    assert changes.read("-3.2;nonsense;5>4;-3;;~;cross:;~4@1.x;=1.1") == "-3.2;5>4;=1.1"
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
