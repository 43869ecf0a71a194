"""`show` opens where it is told to, says what is not there, and a cell that ends with a trace shows the same page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import attnviz as av
from attnviz.axes import Items, Patches
from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES, table
from attnviz.trace import Gap, Trace
from tests.unit.figures.made import made, numbered
from tests.unit.notebook.unpacked import told, values

ROOT = Path(av.__file__).parents[1]


def test_a_trace_as_the_last_line_of_a_cell_is_the_page_in_a_frame() -> None:
    trace = made()
    cell = trace._repr_html_()
    assert cell == av.show(trace)._repr_html_()
    assert cell is not None and cell.startswith("<iframe ") and 'sandbox="allow-scripts"' in cell
    assert cell.count('"') == 10  # title, sandbox, onload, style, srcdoc: nothing inside ends an attribute early
    assert len(repr(trace).splitlines()) == 3


def test_the_page_asks_for_nothing_outside() -> None:
    html = av.show(made()).html
    assert "default-src 'none'" in html
    assert (
        "https:" not in html and html.count("http:") == 1 and "http://www.w3.org/2000/svg" in html
    )  # a name, no address


def test_the_page_opens_where_it_is_told_to() -> None:
    found = told(av.show(made(), layer=1, head=2, heads=[2, 0], query=3, scale="log", view="grid", split=4))
    assert found["start"] == {
        "map": "self", "layer": 1, "head": 2, "heads": [2, 0], "query": 3, "scale": "log", "view": "grid",
    }  # fmt: skip
    assert found["split"] == 4
    assert told(av.show(made(), heads=[1]))["start"]["head"] == 1


def test_two_texts_read_as_one_are_told_apart_by_themselves() -> None:
    trace = av.record(av.load("lab-4"), "狗咬人。", pair="人怕狗。")
    second = trace.queries.segments.index(1)
    assert trace.tokens[second] == "人" and told(av.show(trace))["split"] == second
    assert told(av.show(trace, split=2))["split"] == 2  # whoever says another is taken at their word
    assert told(av.show(made()))["split"] is None


def test_long_texts_open_on_the_scale_where_something_is_seen() -> None:
    assert told(av.show(numbered(64)))["start"]["scale"] == "unit"
    assert told(av.show(numbered(65)))["start"]["scale"] == "log"


def test_saved_is_the_page_itself(tmp_path: Path) -> None:
    page = av.show(made(), path=tmp_path / "one.html", language="zh", theme="dark", height=500)
    assert (tmp_path / "one.html").read_text(encoding="utf-8") == page.html
    assert page.save(tmp_path / "two.html").read_bytes() == (tmp_path / "one.html").read_bytes()
    assert (told(page)["language"], told(page)["theme"]) == ("zh", "dark") and "height:500px" in page._repr_html_()
    assert repr(page).startswith("Page of the cat saw the dog: ")


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(AttnvizError) as refusal:
        av.show(made(), path=tmp_path)
    assert refusal.value.message == "page_not_written"


def test_a_rule_re_weights_what_is_shown() -> None:
    trace = made()
    found = values(told(av.show(trace, rule=av.Argmax()))["maps"][0]["sent"]["all"])
    assert set(found) == {0.0, 1.0}
    assert "Argmax" in told(av.show(trace, rule=av.Argmax()))["facts"]["en"]


def test_both_languages_travel_with_the_page() -> None:
    words = told(av.show(made()))["words"]
    for language in LANGUAGES:
        assert words[language]["hint"] == table(language)["notebook.hint"]


def test_the_words_of_the_page_are_those_it_asks_for() -> None:
    scripts = "".join((ROOT / "attnviz/assets" / name).read_text("utf-8") for name in ("notebook.js", "notebook.html"))
    words = {key.removeprefix("notebook.") for key in table("en") if key.startswith("notebook.")}
    made_up = {name for name in words if name.rsplit("_", 1)[0] in ("map", "scale", "view", "theme", "direction")}
    made_up |= {name for name in words if name.startswith("bar_")} | {"size", "long"}  # said by Python
    named = ("'{}'", "`{}`", "data-say='{}'", "data-label='{}'", "id='{}'")
    assert not [name for name in words - made_up if not any(form.format(name) in scripts for form in named)]


def test_several_maps_are_told_by_name_each_with_its_sides() -> None:
    tokens = ["a", "b", "c"]
    trace = av.from_weights(
        {"encoder": torch.eye(2), "decoder": torch.eye(3), "cross": torch.full((3, 2), 0.5)}, ["x", "y"], target=tokens
    )
    found = told(av.show(trace, part="decoder"))
    assert [one["name"] for one in found["maps"]] == ["cross", "encoder", "decoder"] and found["start"][
        "map"
    ] == "decoder"
    assert found["maps"][0]["keys"]["labels"] == ["x", "y"] and found["maps"][0]["queries"]["labels"] == tokens
    assert found["maps"][1]["keys"] is None
    assert values(found["maps"][0]["sent"]["all"]).tolist() == [0.5] * 6


def test_a_layer_without_attention_says_why() -> None:
    whole = made()
    layers = (Gap("state_space", "mamba"), whole.layers[1])
    found = told(av.show(Trace(whole.queries, whole.queries, layers)))
    assert set(found["maps"][0]["layers"][0]["gap"]) == set(LANGUAGES) and found["start"]["layer"] == 1


def test_whatever_a_side_is_made_of_is_shown() -> None:
    picture, words = Patches(4, 4, rows=2, columns=2), Items(("</script><b>", 'a "cup" & {data}'))
    trace = av.from_weights(torch.full((2, 4), 0.25), ["a", "b"], keys=["p", "q", "r", "s"])
    found = told(av.show(Trace(words, picture, trace.layers)))
    assert found["maps"][0]["queries"]["labels"] == ["</script><b>", 'a "cup" & {data}']


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a layer": ({"layer": 2}, "no_such_layer"),
    "a head": ({"head": 3}, "no_such_head"),
    "a head before the first": ({"heads": [0, -1]}, "no_such_head"),
    "a token": ({"query": 7}, "no_such_query"),
    "a map": ({"part": "cross"}, "no_such_part"),
    "a scale": ({"scale": "sqrt"}, "no_such_choice"),
    "a language": ({"language": "fr"}, "no_such_choice"),
    "a theme": ({"theme": "solarized"}, "no_such_choice"),
    "a view": ({"view": "neuron"}, "no_such_choice"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_not_there_is_refused_with_what_is(what: str) -> None:
    options, message = WRONG[what]
    with pytest.raises(AttnvizError) as refusal:
        av.show(made(), **options)
    assert refusal.value.message == message


def test_a_run_without_any_map_is_plain_text_in_a_cell_and_a_sentence_when_asked_for() -> None:
    axis = Items(("a",))
    nothing = Trace(axis, axis, (Gap("convolution", "conv"),))
    assert nothing._repr_html_() is None
    with pytest.raises(AttnvizError) as refusal:
        av.show(nothing)
    assert refusal.value.message == "nothing_to_show"


def test_a_run_that_takes_long_is_not_drawn_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.notebook.show.AT_ONCE", 7 * 7 * 6 - 1)
    cell = made(text="a <b>")._repr_html_()
    assert cell is not None and "iframe" not in cell and "a &lt;b&gt;" in cell and "av.show(trace)" in cell


def test_a_page_is_made_without_streamlit_transformers_and_ipython() -> None:
    program = (
        "import sys, attnviz as av; t = av.from_weights([[0.5, 0.5], [1, 0]], ['a', 'b']);"
        "assert len(t._repr_html_()) > 10_000; print({'streamlit', 'transformers', 'IPython'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
