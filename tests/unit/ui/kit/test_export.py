"""What is taken away: tables and arrays equal the trace; the page runs nothing that was typed and needs no network."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from attnviz.core.rules import TopK
from attnviz.export import reader_data
from attnviz.figures import choose
from attnviz.figures.paint.camera import WORDS, camera
from attnviz.messages import say
from attnviz.selection import Selection, Style
from attnviz.trace import Trace
from attnviz.ui.kit import export, file_name
from attnviz.ui.kit import languages as spoken
from tests.unit.figures.kinds import MAMBA, SOURCE, TARGET, call, chinese, cross, of
from tests.unit.figures.made import DOG, made

NASTY = ("[CLS]", ",", '"', "a,b", "\n", "</script>", "<img src=x onerror=alert(1)>", "龘", "=1+1", "[SEP]")
HEADER = ["layer", "head", "query", "query_token", "key", "key_token", "score", "weight"]


def style(scale: str = "unit") -> Style:
    """In the reader's language."""
    return Style(scale, language=spoken.language())


@pytest.fixture(autouse=True, params=["en", "zh"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in ("attnviz.ui.kit.languages", "attnviz.ui.kit.export", "attnviz.ui.kit.reader"):
        monkeypatch.setattr(f"{module}.language", lambda: request.param)
    return request.param


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_has_a_row_for_each_pair_with_its_score_and_weight() -> None:
    trace = made()
    header, *found = rows(export.as_csv(trace, Selection(1, 2, rule=TopK(2))))
    assert header == HEADER and len(found) == len(DOG) ** 2
    weights, scores = trace.weights(1, 2, TopK(2)), trace.scores(1, 2)
    for layer, head, query, query_token, key, key_token, score, weight in found:
        assert (layer, head) == ("1", "2")
        assert (query_token, key_token) == (DOG[int(query)], DOG[int(key)])
        assert float(score) == pytest.approx(scores[int(query), int(key)].item(), rel=1e-5)  # six digits
        assert float(weight) == pytest.approx(weights[int(query), int(key)].item(), rel=1e-5)


def test_csv_begins_with_the_mark_by_which_excel_knows_utf8() -> None:
    data = export.as_csv(made(NASTY), Selection())
    assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\xef\xbb\xbf") == 1
    assert "龘" in data.decode("utf-8-sig")


def test_commas_quotes_and_line_ends_in_tokens_do_not_break_the_table() -> None:
    _, *found = rows(export.as_csv(made(NASTY), Selection()))
    assert {len(row) for row in found} == {len(HEADER)}
    assert [row[5] for row in found[: len(NASTY)]] == list(NASTY)


def test_csv_says_minus_infinity_where_a_key_is_not_allowed() -> None:
    _, *found = rows(export.as_csv(made(causal=True), Selection()))
    above = [row for row in found if int(row[4]) > int(row[2])]
    assert above and all(float(row[6]) == -np.inf and float(row[7]) == 0 for row in above)


def test_npz_holds_all_weights_and_what_they_belong_to() -> None:
    trace = made(NASTY, text="龘 </script>")
    with np.load(io.BytesIO(export.as_npz(trace, Selection(rule=TopK(2)))), allow_pickle=False) as found:
        assert found["weights"].dtype == np.float32 and found["weights"].shape == (2, 3, 10, 10)
        for layer in range(2):
            np.testing.assert_array_equal(found["weights"][layer], trace.weights(layer, rule=TopK(2)).numpy())
        assert found["tokens"].tolist() == list(NASTY)
        assert (str(found["text"]), str(found["model"])) == ("龘 </script>", "made by hand")
        assert str(found["rule"]) == repr(TopK(2))


def test_npz_names_the_rule_of_the_run_where_none_was_put_over_it() -> None:
    with np.load(io.BytesIO(export.as_npz(made(rule=TopK(3)), Selection())), allow_pickle=False) as found:
        assert str(found["rule"]) == repr(TopK(3))


class Page(HTMLParser):
    """The tags of a page, its scripts and its text apart, as a browser would part them."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.words = ""
        self.feed(data.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.cdata_elem is None:
            self.words += data


def page(trace: Trace) -> Page:
    return Page(export.as_html(trace, Selection(1, 2, 3), style()))


def test_page_asks_nothing_of_the_network() -> None:
    found = page(made())
    for tag, attributes in found.tags:
        for name in ("src", "href", "data", "action", "poster"):
            assert not attributes.get(name), f"<{tag} {name}={attributes[name]}>"
    assert "link" not in [tag for tag, _ in found.tags]
    assert not re.search(r"\bimport\s*\(?['\"]", found.scripts[-1])


def test_page_carries_plotly_once() -> None:
    sizes = sorted(len(script) for script in page(made()).scripts)
    assert sizes[-1] > 1_000_000 > 200_000 > sizes[-2]


def test_page_holds_the_two_charts_and_the_reader() -> None:
    found = page(made())
    assert sum("Plotly.newPlot" in script and len(script) < 200_000 for script in found.scripts) == 2
    assert [a["class"] for _, a in found.tags if a.get("class") == "reader"] == ["reader"]


def test_data_of_the_page_parses_back_to_the_weights(language: str) -> None:
    trace = made(NASTY)
    source = page(trace)
    place = next(i for i, (_, a) in enumerate(t for t in source.tags if t[0] == "script") if a.get("id") == "data")
    data = json.loads(source.scripts[place])
    assert data["labels"] == list(NASTY) and data["picked"] == 3 and data["blanks"] is False
    expected = {
        "head": trace.weights(1, 2), "layer": trace.weights(1).mean(0),
        "all": (trace.weights(0).mean(0) + trace.weights(1).mean(0)) / 2,
    }  # fmt: skip
    for name, weights in expected.items():
        found = np.frombuffer(base64.b64decode(data["maps"][name]), dtype=np.uint8).reshape(10, 10)
        np.testing.assert_allclose(found / 255, weights.numpy(), atol=0.5 / 255 + 1e-6)
    assert data["words"]["head"] == {"en": "this head", "zh": "这个头"}[language]


def test_typed_markup_breaks_out_of_no_part_of_the_page() -> None:
    text = "</script><script>alert(1)</script><img src=x onerror=alert(2)></title><b>"
    calm, nasty = page(made()), page(made(("[CLS]", *NASTY[1:-1], text, "[SEP]"), text=text))
    assert [tag for tag, _ in nasty.tags] == [tag for tag, _ in calm.tags]
    assert len(nasty.scripts) == len(calm.scripts)
    assert text in nasty.words, "and yet the title shows what was typed"


def test_page_says_which_head_model_and_rule_it_shows(language: str) -> None:
    data = export.as_html(made(), Selection(1, 2, 3, rule=TopK(2), specials=False), style("row")).decode("utf-8")
    assert f'<html lang="{language}">' in data and '<meta charset="utf-8">' in data
    assert html.escape(str(TopK(2))) in data and "made by hand" in data
    assert ("Layer 1, head 2" if language == "en" else "第 1 层第 2 头") in data


def test_csv_of_a_cross_map_has_the_targets_rows_and_the_sources_columns() -> None:
    trace = cross()
    _, *found = rows(export.as_csv(trace, Selection(1, 1)))
    assert len(found) == len(TARGET) * len(SOURCE)
    assert [row[3] for row in found[:: len(SOURCE)]] == list(TARGET)
    assert [row[5] for row in found[: len(SOURCE)]] == list(SOURCE)
    assert float(found[14][7]) == pytest.approx(trace.weights(1, 1)[1, 2].item(), rel=1e-5)


def test_npz_holds_nan_where_a_layer_has_no_such_head_and_says_why() -> None:
    trace = of(("a", "b"), [call(3, 2, 2), MAMBA, call(1, 2, 2)])
    with np.load(io.BytesIO(export.as_npz(trace, Selection())), allow_pickle=False) as found:
        assert found["weights"].shape == (3, 3, 2, 2)
        np.testing.assert_array_equal(found["weights"][2, 0], trace.weights(2)[0].numpy())
        assert np.isnan(found["weights"][1]).all() and np.isnan(found["weights"][2, 1:]).all()
        assert found["gaps"][0] == found["gaps"][2] == "" and "MambaMixer" in found["gaps"][1]


def test_npz_of_a_cross_map_names_both_texts() -> None:
    with np.load(io.BytesIO(export.as_npz(cross(), Selection())), allow_pickle=False) as found:
        assert found["weights"].shape == (2, 3, len(TARGET), len(SOURCE))
        assert found["tokens"].tolist() == list(TARGET) and found["key_tokens"].tolist() == list(SOURCE)
        assert str(found["part"]) == "cross"


def test_reader_of_a_cross_map_has_two_lines_and_no_blanks() -> None:
    trace = cross()
    data = reader_data(trace, Selection(0, 2, 1), blanks=True)
    assert data["labels"] == list(TARGET) and data["keys"]["labels"] == list(SOURCE)
    assert data["keys"]["special"][-1] is True and data["blanks"] is False and data["border"] is None
    found = np.frombuffer(base64.b64decode(data["maps"]["head"]), dtype=np.uint8).reshape(len(TARGET), len(SOURCE))
    np.testing.assert_allclose(found / 255, trace.weights(0, 2).numpy(), atol=0.5 / 255 + 1e-6)


def test_reader_averages_over_the_layers_that_have_attention() -> None:
    layers = [MAMBA, call(3, 2, 2), MAMBA, call(1, 2, 2, seed=4)]
    trace = of(("a", "b"), layers)
    data = reader_data(trace, Selection(1), blanks=False)
    found = np.frombuffer(base64.b64decode(data["maps"]["all"]), dtype=np.uint8).reshape(2, 2)
    expected = (trace.weights(1).mean(0) + trace.weights(3).mean(0)) / 2
    np.testing.assert_allclose(found / 255, expected.numpy(), atol=0.5 / 255 + 1e-6)
    assert data["keys"] is None


def test_reader_knows_where_the_answer_begins() -> None:
    trace = of(("a", "b", "c"), [call(1, 3, 3)], border=2)
    assert reader_data(trace, Selection(), blanks=False)["border"] == 2


def test_reader_by_word_shows_the_words_of_the_map_by_word() -> None:
    trace = replace(chinese(), blank=2)
    data = reader_data(trace, Selection(0, 1, 4, specials=False, by="word"), blanks=True)
    assert data["labels"] == ["[CLS]", "来到", "清华大学", "[SEP]"]
    assert data["tokens"] == [0, 1, 3, 7] and data["alone"] == [True, False, False, True]
    assert data["picked"] == 2 and data["blank"] == 1 and data["special"] == [True, False, False, True]
    found = np.frombuffer(base64.b64decode(data["maps"]["head"]), dtype=np.uint8).reshape(4, 4)
    shown = choose.head(trace, Selection(0, 1, by="word")).weights
    np.testing.assert_allclose(found / 255, shown.numpy(), atol=0.5 / 255 + 1e-6)
    assert reader_data(replace(trace, border=3), Selection(0, 1, by="word"))["border"] == 2


@pytest.mark.parametrize(
    ("model", "called"),
    [
        ("lab-4", "lab-4"), ("google-bert/bert-base-chinese", "bert-base-chinese"), ("/data/my models/猫/", "猫"),
        (r"C:\models\a b?.gguf", "a-b-.gguf"), ("", ""),
    ],
)  # fmt: skip
def test_files_are_named_by_the_models_last_part_in_the_readers_language(
    model: str, called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace, names = replace(cross(), model=model), {}
    for lang in ("zh", "en"):
        monkeypatch.setattr(spoken, "language", lambda lang=lang: lang)
        names[lang] = (file_name(trace, Selection(2, 1)), file_name(trace))
    assert names["en"] == (f"attnviz-{called}-2-1", f"attnviz-{called}-all-heads")
    assert names["zh"] == (f"attnviz-{called}-第2层第1头", f"attnviz-{called}-全部头")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_camera_speaks_the_readers_language_here_and_in_the_page_that_is_taken_away(lang: str) -> None:
    found = camera(lang)
    words = found["locales"][found["locale"]]["dictionary"]
    assert set(words.values()) == {say(f"figure.{name}", lang) for name in WORDS.values()}
    assert found["toImageButtonOptions"]["format"] == "png"
    page = export.as_html(cross(), Selection(), Style(language=lang)).decode()
    assert page.count(json.dumps(say("figure.camera_png", lang))) == 2, "one camera for each of two pictures"


def test_page_of_a_cross_map_is_named_by_the_text_that_is_looked_at() -> None:
    trace = cross(TARGET[:1])
    assert trace.text == "" and "The cat sat" in page_of(trace).words


def page_of(trace: Trace) -> Page:
    return Page(export.as_html(trace, Selection(), style()))


def test_page_of_a_hybrid_or_a_cross_map_is_drawn_by_word() -> None:
    for trace, layer in ((of(("a", "b"), [MAMBA, call(2, 2, 2)]), 1), (cross(), 0)):
        found = Page(export.as_html(trace, Selection(layer, by="word"), style()))
        assert sum("Plotly.newPlot" in script and len(script) < 200_000 for script in found.scripts) == 2
