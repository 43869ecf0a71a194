"""The readings page under AppTest: what it says of a sentence, in both languages, and what it does with bad input."""

from __future__ import annotations

import json

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz import load, record
from attnviz.measures import lean
from attnviz.messages import LANGUAGES, say
from attnviz.segmentation import Reading, cases
from attnviz.ui.cases import KEY, OWN, PARAMS
from tests.pages.opened import PATIENCE, ROOT, array, elements, said, seen

BRIDGE = ("南京市/长江大桥", "南京市长/江大桥")


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "readings.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    key = PARAMS[name].key if name in PARAMS else KEY + name
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def grid(at: AppTest) -> torch.Tensor:
    return torch.tensor(array(charts(at)[0]["data"][0]["z"]).copy())


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*cases()])
def test_every_sentence_of_the_list_is_read(name: str, lang: str) -> None:
    at = opened(lang, case=name)
    assert not at.exception and not at.error
    case = cases()[name]
    trace = record(load("lab-4"), case.readings[0].text)
    torch.testing.assert_close(grid(at), lean(trace, *case.readings).bits, atol=1e-9, rtol=0)
    assert len(charts(at)) == 3
    for gloss in case.glosses[lang]:
        assert gloss.split()[-1].rstrip(".)!") in said(at).replace("\\", "")


def test_page_agrees_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    from attnviz.measures.cases import show

    show(load("lab-8"), cases()["balls"])
    printed = capsys.readouterr().out
    shown = grid(opened(case="balls", model="lab-8"))
    for row in shown.tolist():
        for value in row:
            assert f"{value:+.3f}" in printed


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ("南京市/长江大桥", "南京市/长江大桥", "readings_equal"),
        ("南京市/长江大桥", "武汉市/长江大桥", "readings_differ"),
        ("I saw [him", "I saw him", "reading_brackets"),
        ("/", "南/京", "text_empty"),
    ],
)
def test_readings_that_cannot_be_compared_are_said_in_one_sentence(a: str, b: str, message: str, lang: str) -> None:
    at = opened(lang, case=OWN, a=a, b=b)
    assert not at.exception and len(at.error) == 1
    start = say(f"error.{message}", lang, reading="§", first="§", second="§", text="§").split("§")[0]
    assert seen(at.error[0].value).startswith(start)
    assert control(at, "first").value == a, "nothing typed is lost"


def test_own_sentence_takes_its_two_best_readings() -> None:
    at = opened()
    control(at, "text").set_value("研究生命的起源").run()
    assert not at.exception and not at.error
    assert at.session_state[PARAMS["case"].key] == OWN
    assert [control(at, name).value for name in ("first", "second")] == ["研究/生命/的/起源", "研究生/命/的/起源"]
    assert (at.query_params["a"], at.query_params["case"]) == ("研究/生命/的/起源", OWN)


def test_own_english_sentence_asks_for_brackets() -> None:
    at = opened()
    control(at, "text").set_value("They saw her duck.").run()
    assert [seen(error.value) for error in at.error] == [
        say("error.readings_equal", "en", reading="They saw her duck.")
    ]


@pytest.mark.parametrize("text", ["", "  ", "长", "x" * 3000, "<b>x</b>", "[", "😀", "南" * 200])
def test_any_text_gives_a_picture_or_a_sentence(text: str) -> None:
    at = opened()
    control(at, "text").set_value(text).run()
    assert not at.exception
    assert len(at.error) == 1 or len(charts(at)) == 3


def test_a_text_that_is_too_long_says_how_far_it_was_read() -> None:
    at = opened()
    control(at, "text").set_value("南京市长江大桥" * 60).run()
    assert not at.exception and "256" in at.warning[0].value


def test_best_cuts_and_own_words_are_listed_with_their_probabilities() -> None:
    at = opened()
    assert "| 南京市/长江大桥 | 99.7% |" in said(at)
    control(at, "own").set_value("南京市长 江大桥").run()
    assert not at.exception and "南京市长/江大桥" in said(at).split("Best cuts")[1]
    assert at.query_params["own"] == "南京市长 江大桥"


def test_another_sentence_of_the_list_replaces_the_readings() -> None:
    at = opened(case=OWN, a="他/将来", b="他/将/来", before="x", left="1.1")
    control(at, "case").set_value("monk").run()
    assert not at.error
    assert control(at, "first").value == cases()["monk"].first
    assert at.session_state[PARAMS["before"].key] == "" and at.session_state[PARAMS["left"].key] is None
    assert set(at.query_params) == {"lang", "case"}


def test_context_moves_the_heads_and_the_page_shows_from_where() -> None:
    plain, at = opened(), opened(after="全长六千米。")
    assert not at.exception and len(charts(at)) == 4, "the fourth chart holds the arrows"
    assert not torch.equal(grid(plain), grid(at))
    ends = torch.tensor([trace["y"] for trace in charts(at)[3]["data"]])
    torch.testing.assert_close(ends[:, 0], grid(plain).flatten().float(), atol=1e-6, rtol=0)
    torch.testing.assert_close(ends[:, 1], grid(at).flatten().float(), atol=1e-6, rtol=0)


def test_the_button_puts_in_what_turns_the_model_most() -> None:
    labels = {say(f"ui.context_{what}", "en") for what in ("turns", "moves")}
    for name, case in cases().items():
        at = opened(case=name)
        for button in [one for one in at.button if one.label in labels]:
            button.click().run()
            assert not at.exception
            around = (at.session_state[PARAMS["before"].key], at.session_state[PARAMS["after"].key])
            assert around in (*case.contexts, ("", ""))
            return
    pytest.fail("no sentence of the list has a context that moves lab-4")


def test_opened_heads_come_back_from_the_link_and_bad_ones_do_not_matter() -> None:
    at = opened(left="2.1", right="99.0", model="lab-8")
    assert not at.exception and "layer 2, head 1" in said(at)
    weights = record(load("lab-8"), "南京市长江大桥").weights(2, 1)[1:-1, 1:-1]
    torch.testing.assert_close(torch.tensor(array(charts(at)[1]["data"][0]["z"]).copy()), weights)
    assert not opened(left="x").exception


@pytest.mark.parametrize("view", ["word", "difference"])
def test_words_and_differences(view: str) -> None:
    at = opened(view=view)
    first, second = (array(chart["data"][0]["z"]) for chart in charts(at)[1:3])
    if view == "word":
        assert first.shape == second.shape == (2, 2)
        assert charts(at)[1]["layout"]["xaxis"]["ticktext"] == ["南京市", "长江大桥"]
        assert charts(at)[2]["layout"]["xaxis"]["ticktext"] == ["南京市长", "江大桥"]
        case = cases()["bridge"].readings
        found = lean(record(load("lab-4"), case[0].text), *case)
        layer, head = max(found.strongest(0), found.strongest(1), key=lambda place: abs(found.bits[place].item()))
        assert said(at).count(f"layer {layer}, head {head}, ") == 2, "one head under both readings"
    else:
        assert first.shape == (7, 7) and abs(first + second).max() < 1e-6


def test_table_counts_the_heads_of_all_four_models() -> None:
    table = next(text for text in said(opened()).split("\n\n") if "| 8 |" in text)
    readings = Reading.parse(BRIDGE[0]), Reading.parse(BRIDGE[1])
    for name, heads in (("lab-1", 4), ("lab-8", 32)):
        found = lean(record(load(name), readings[0].text), *readings)
        row = next(line for line in table.splitlines() if line.startswith(f"| {name.removeprefix('lab-')} |"))
        cells = [cell.strip() for cell in row.split("|")]
        assert cells[2] == str(int((found.bits > found.high).sum()))
        assert cells[3] == str(int((found.bits < found.low).sum())) and cells[4] == str(heads)
