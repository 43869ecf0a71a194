"""The readings page under AppTest: what it says of a sentence, in both languages, and what it does with bad input."""

from __future__ import annotations

import base64
import json
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz import load, record
from attnviz.figures.readings import side_colours
from attnviz.measures import lean
from attnviz.messages import LANGUAGES, say
from attnviz.text.lattice import stretches
from attnviz.text.segmentation import Reading, cases
from attnviz.ui.pages.readings import heldout
from attnviz.ui.pages.readings.choices import KEY, OFFERED, OWN, PARAMS, TAUGHT, model_title
from tests.pages.opened import PATIENCE, ROOT, array, elements, said, seen

BRIDGE = ("南京市/长江大桥", "南京市长/江大桥")


def opened(lang: str = "en", model: str = "lab-4", **link: str) -> AppTest:
    link = {**link, "model": model}
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
    from attnviz.experiments.sentences import show

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
    assert set(at.query_params) - {"model"} == {"lang", "case"}


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
    for slip in ("x", "-5.0", "1.-1", "1.2.3"):
        at = opened(left=slip)
        assert not at.exception and not at.error, slip


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
        reads = found.special <= 0.5
        assert cells[2] == str(int(((found.bits > found.high) & reads).sum()))
        assert cells[3] == str(int(((found.bits < found.low) & reads).sum())) and cells[4] == str(heads)
        assert cells[5] == str(int((~reads).sum()))


TILES = {1: "A", -1: "B", None: ""}
HEADS = re.compile(r"\d+\.\d+(?:–\d+\.\d+)?")


def painted(at: AppTest) -> dict[str, set[str]]:
    """The heads of each colour, and those that are hatched, as the browser is told to paint them."""
    _, clear, hatch = charts(at)[0]["data"]
    codes = clear["z"] if isinstance(clear["z"], list) else array(clear["z"]).tolist()
    found: dict[str, set[str]] = {
        "A": set(),
        "B": set(),
        "": set(),
        "~": {f"{x}.{y}" for x, y in hatch.get("meta", ())},
    }
    for layer, row in enumerate(codes):
        for head, code in enumerate(row):
            code = None if code is None or code != code else int(code)
            if f"{layer}.{head}" not in found["~"]:
                found[TILES[code]].add(f"{layer}.{head}")
            else:
                assert code is None, "a head that rests has no colour"
    return found


def named(words: str) -> set[str]:
    """The heads that a text names: 0.1, 2.3 to 2.5."""
    found = set[str]()
    for match in HEADS.findall(words):
        first, _, last = match.partition("–")
        layer, low = map(int, first.split("."))
        high = int(last.split(".")[1]) if last else low
        found |= {f"{layer}.{head}" for head in range(low, high + 1)}
    return found


def without_marks(markdown: str) -> str:
    """Text without HTML, bold and what `plain` escaped."""
    return seen(re.sub(r"<[^>]*>", "", markdown)).replace("*", "").replace("&ensp;", " ")


@pytest.mark.parametrize("model", OFFERED)
def test_captions_legend_tables_and_arcs_name_the_heads_that_the_grid_paints(model: str) -> None:
    for name in cases():
        at = opened(case=name, model=model)
        assert not at.exception and not at.error
        heads, texts = painted(at), [without_marks(one.value) for one in (*at.markdown, *at.caption)]
        where = f"{model}, {name}: {heads}"

        legend = next(text for text in texts if "not clear: " in text and "by chance" in text)
        a, b, rest = re.match(r"\s*A: (.*?)\s+B: (.*?)\s+not clear: (\d+)\s", legend).groups()
        assert (named(a), named(b), int(rest)) == (heads["A"], heads["B"], len(heads[""])), where
        assert named(legend.split("themselves: ")[1].split("(")[0]) == heads["~"], where

        verdict = next(text for text in texts if text.startswith(f"In {model}, "))
        for letter in "AB":
            told, more = set[str](), 0
            for clause in re.split(r"; |, (?=(?:no )?heads? )", verdict):
                if (f"({letter})" in clause and "join" in clause) or f"clearly to {letter}" in clause:
                    told |= named(clause.split(" join")[0].split(" lean")[0])
                    more += sum(map(int, re.findall(r"and (\d+) more", clause)))
            assert told <= heads[letter] and len(told) + more == len(heads[letter]), (where, verdict)
        assert ("no head holds either" in verdict) == (not heads["A"] and not heads["B"]), where

        for side, letter in enumerate("AB"):
            _check_side(at, texts, side, letter, heads[letter], where)

        row = next(text for text in texts if text.startswith("| Model")).splitlines()
        mine = next(line for line in row if line.split("|")[1].strip() == model_title(model)).split("|")
        assert [int(cell) for cell in mine[2:4]] == [len(heads["A"]), len(heads["B"])], where
        assert int(mine[5]) == len(heads["~"]), where
        table = next(text for text in texts if text.startswith("| head |")).splitlines()[2:]
        verdicts = {line.split("|")[1].strip(): line.split("|")[5].strip() for line in table}
        words = {
            "A": "holds A clearly",
            "B": "holds B clearly",
            "": "not clear",
            "~": "rests on [CLS]/[SEP] or on itself",
        }
        assert verdicts == {head: words[kind] for kind, found in heads.items() for head in found}, where


def _check_side(at: AppTest, texts: list[str], side: int, letter: str, clear: set[str], where: str) -> None:
    """The sentence, its line and the opened head of one reading."""
    picture = [one for one in at.get("html") if "base64," in one.proto.body][-2:][side].proto.body
    svg = base64.b64decode(re.search(r"base64,([^']+)", picture)[1]).decode()
    assert (side_colours(False)[side] in svg) == bool(clear) and side_colours(False)[1 - side] not in svg, where
    line = [text for text in texts if re.search(r"bits: (holds it clearly|faint)|bits, not clear: faint", text)][side]
    (head,) = named(re.sub(r"[+−]?\d+\.\d+ bits|\d+\.\d+%", "", line))
    assert ("holds it clearly" in line) == (head in clear) == bool(clear), where
    caption = [text for text in texts if "its weight on" in text][side]
    layer, number = re.search(r"layer (\d+), head (\d+)", caption).groups()
    assert f"{layer}.{number}" == head, "the head that is opened is the one whose sentence stands above"
    assert caption.startswith(f"Holds Reading {letter} best") == bool(clear), where
    assert f"layer {layer}, head {number}" in re.sub(r"layer (\d+), head (\d+)", r"layer \1, head \2", picture)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_page_says_why_and_that_weights_were_supervised(lang: str) -> None:
    for model in OFFERED:
        message = "readings.why_taught" if model == TAUGHT else "readings.why_plain"
        told = say(message, lang, model=model, **heldout.shares_read_off())
        assert without_marks(told) in without_marks(said(opened(lang, model=model)))


def test_one_press_leads_from_the_taught_model_to_the_ordinary_one_and_back() -> None:
    at = opened(model=TAUGHT, case="balls", left="1.1")
    at.button(KEY + "other").click().run()
    assert (at.query_params["model"], at.query_params["case"]) == ("lab-4", "balls") and "left" not in at.query_params
    at.button(KEY + "other").click().run()
    assert at.session_state[PARAMS["model"].key] == TAUGHT and not at.exception


@pytest.mark.parametrize("lang", LANGUAGES)
def test_page_opens_on_the_bridge_with_the_model_that_was_taught(lang: str) -> None:
    at = AppTest.from_file(str(ROOT / "pages" / "readings.py"), default_timeout=PATIENCE)
    at.query_params["lang"] = lang
    at.run()
    assert not at.exception
    assert [at.session_state[PARAMS[name].key] for name in ("case", "model")] == ["bridge", "lab-readings"]


def test_ambiguous_stretches_are_offered_and_a_press_compares_their_readings() -> None:
    at = opened()
    control(at, "text").set_value("他将来研究生命的起源和南京市长江大桥").run()
    assert not at.exception
    offered = control(at, "stretch")
    found = stretches("他将来研究生命的起源和南京市长江大桥")
    assert [seen(option) for option in offered.options] == [str(one) for one in found] and len(found) >= 2
    number = next(n for n, one in enumerate(found) if one.bare == "南京市长江大桥")
    control(at, "stretch").set_value(number).run()
    a, b = (control(at, name).value for name in ("first", "second"))
    assert a.endswith("南京市/长江大桥") and b.endswith("南京/市长/江/大桥")
    assert a.removesuffix("南京市/长江大桥") == b.removesuffix("南京/市长/江/大桥"), "the two differ in one stretch"
    assert "Nanjing's Yangtze River Bridge" in seen(said(at)) and "the mayor of Nanjing" in seen(said(at))
    again = opened(case=OWN, a=a, b=b)
    assert control(again, "stretch").value == number and seen(said(again)).count("the mayor of Nanjing")


def test_a_sentence_without_two_ways_offers_none() -> None:
    at = opened(case=OWN, a="好/吃", b="好吃")
    assert not [one for one in elements(at) if getattr(one, "key", None) == KEY + "stretch"]


def test_spaces_can_be_taken_out_and_the_link_brings_that_back() -> None:
    at = opened(case="telescope")
    control(at, "spaces").set_value(True).run()
    assert not at.exception and at.query_params["bare"] == "1"
    assert "Isawthemanwiththetelescope." in "".join(text["ticktext"] for text in axes(at)), "one token or a few"
    assert "themanwiththetelescope" in without_marks(at.markdown[2].value), "as the title of the sentence has it"
    again = opened(case="telescope", bare="1")
    assert torch.equal(grid(at), grid(again)) and not torch.equal(grid(at), grid(opened(case="telescope")))
    assert not [one for one in elements(opened(case="nowhere")) if getattr(one, "key", None) == PARAMS["spaces"].key]


def axes(at: AppTest) -> list[dict]:
    return [{"ticktext": "".join(chart["layout"]["xaxis"]["ticktext"]).replace("##", "")} for chart in charts(at)[1:2]]


FIGURES = {
    language: {
        "tables": {
            "all": {"stretches": 1200, "held": 0.871, "exact": 0.742, "opposite": 0.913, "clear_first": 0.4},
            "new": {"stretches": 300, "held": 0.763, "exact": 0.554},
            "length 2-3": {"stretches": 0},
            "second likelier": {"stretches": 17, "held": 0.5, "exact": 0.25},
        },
        "outside": 0.962, "heads": [{"first": 0.61, "second": 0.04}, {"first": 0.02, "second": 0.58}],
        "failures": [{
            "text": "他*将来*讲学", "first": ["将来"], "second": ["将", "来"], "heads": ["将来", "将来"],
        }],
    }
    for language in ("zh", "en")
} | {"beside": {"seed_2": {"held": 0.866, "exact": 0.731, "new held": 0.751, "bridge": 1.0}}}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
def test_held_out_figures_stand_in_the_fold_as_the_card_has_them(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heldout, "figures", lambda: FIGURES)
    at = opened(lang)
    assert not at.exception
    rows = [line for text in said(at).split("\n") for line in [without_marks(text)] if line.startswith("|")]
    for name, cells in (
        ("all", "1200 | 0.871 | 0.742 | – | – | 0.913 | 0.400 | –"),
        ("new", "300 | 0.763 | 0.554 | – | – | – | – | –"),
        ("second_likelier", "17 | 0.500 | 0.250 | – | – | – | – | –"),
    ):
        assert rows.count(f"| {say(f'held.{name}', lang)} | {cells} |") == 2, "once for each language"
    assert not [row for row in rows if "2–3" in row], "a group of nothing has no figures"
    assert "| 0 | 0.610 | 0.040 |" in rows and "| 他将来讲学 | 将来 · 将/来 | 将来 · 将来 |" in rows
    assert "| seed_2 | 0.866 | 0.731 | 0.751 | – | – | 1.000 | – | – |" in rows
    assert "0.962" in said(at)
