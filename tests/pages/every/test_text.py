"""Whatever is typed gives a correct picture or one clear sentence, never an exception, and stays in the box."""

from __future__ import annotations

import pytest

from attnviz.messages import LANGUAGES, say, table
from tests.pages.opened import cells, change, charts, control, opened, said

DRAWN = {
    "one character": "猫",
    "one letter": "a",
    "5,000 characters": "猫坐在垫子上因为它很累" * 500,
    "emoji": "👩‍👩‍👧 🎉🎉",
    "Arabic": "من ينظر إلى من؟",
    "Hebrew with a turning mark": "\u202eשלום",
    "combining marks": "e\u0301\u0301 n\u0303 \u0301",
    "control characters beside a letter": "a\x01\x02\u200b\x7f",
    "script": "<script>alert(1)</script>",
    "<s>": "<s>",
    "[MASK] typed": "我[MASK]你",
    "[CLS] typed": "[CLS]南[SEP]",
    "repeated": "南南南南",
    "unknown characters": "龘𠮷",
    "markup": "$x$ *a* _b_ `c` |d|",
    "braces": "{text} {0} %{x}",
}
REFUSED = {"": "text_empty", "   ": "text_empty", "\u3000\t": "text_empty", "\x01\x02": "text_nothing_left"} | {
    "[CLS][SEP]": "text_nothing_left"
}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", DRAWN.values(), ids=list(DRAWN))
def test_unusual_text_is_drawn(text: str, lang: str) -> None:
    at = change(opened(lang), text=text)
    assert not at.exception and not at.error
    labels = charts(at)[1]["layout"]["xaxis"]["ticktext"]
    assert len(labels) >= 3 and (labels[0], cells(at).shape[0] >= len(labels)) == ("[CLS]", True)
    assert abs(cells(at).sum(1) - 1).max() < 1e-4
    assert control(at, "text").value == text


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("text", "message"), REFUSED.items(), ids=map(repr, REFUSED))
def test_text_with_nothing_to_read_gives_one_sentence(text: str, message: str, lang: str) -> None:
    at = change(opened(lang), text=text)
    assert not at.exception and not charts(at)
    assert [error.value for error in at.error] == [say(f"error.{message}", lang)]
    assert control(at, "text").value == text


def test_page_recovers_after_a_refused_text_and_keeps_its_choices() -> None:
    at = change(opened(layer="1", head="2", model="lab-8", rule="hard", k="4"), text="")
    assert not charts(at)
    change(at, text="猫坐在垫子上")
    assert not at.exception and not at.error
    assert (control(at, "layer").value, control(at, "head").value, control(at, "k").value) == (1, 2, 4)
    assert len(charts(at)[0]["data"][1]["customdata"]) == 4 * 8


@pytest.mark.parametrize("lang", LANGUAGES)
def test_too_long_says_how_much_fits_and_draws_that(lang: str) -> None:
    text = DRAWN["5,000 characters"][:5000]
    at = change(opened(lang), text=text)
    (warning,) = at.warning
    size = cells(at).shape[0]
    assert str(size) in warning.value and "5000" in warning.value and str(size - 2) in warning.value
    assert text[size - 2 :][:10] in warning.value, "the reader sees where the reading stopped"
    assert warning.value.startswith(table(lang)["ui.cut"][:6])


def test_text_that_fits_is_not_called_too_long() -> None:
    assert not change(opened(), text="猫" * 254).warning


def test_markup_in_a_text_reaches_no_markdown_unescaped() -> None:
    at = change(opened(), text="*a* <b>x</b> $y$")
    change(at, query=1, key=2)
    assert "**\\[UNK\\:\\*\\]** looks at **a**" in said(at)


def test_typed_mask_is_the_blank_that_is_asked_about() -> None:
    at = change(opened(), text="我[MASK]你")
    assert charts(at)[1]["layout"]["xaxis"]["ticktext"] == ["[CLS]", "我", "[MASK]", "你", "[SEP]"]
    assert "| blank |" in said(at)


def test_table_of_distances_follows_the_text() -> None:
    short, long = (change(opened(), text=text) for text in ("猫", "猫坐在垫子上因为它很累"))
    tables = [next(e.value for e in at.sidebar.markdown if e.value.startswith("| heads")) for at in (short, long)]
    assert tables[0] != tables[1]
