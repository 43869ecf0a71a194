"""What is taken away: tables and arrays equal the trace; the page runs nothing that was typed and needs no network."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from attnviz.rules import TopK
from attnviz.trace import Trace
from attnviz.ui import export
from tests.figures.made import DOG, made

NASTY = ("[CLS]", ",", '"', "a,b", "\n", "</script>", "<img src=x onerror=alert(1)>", "龘", "=1+1", "[SEP]")
HEADER = ["layer", "head", "query", "query_token", "key", "key_token", "score", "weight"]


@pytest.fixture(autouse=True, params=["en", "zh"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in ("attnviz.ui.language", "attnviz.ui.export"):
        monkeypatch.setattr(f"{module}.language", lambda: request.param)
    return request.param


def rows(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_csv_has_a_row_for_each_pair_with_its_score_and_weight() -> None:
    trace = made()
    header, *found = rows(export.as_csv(trace, TopK(2), 1, 2))
    assert header == HEADER and len(found) == len(DOG) ** 2
    weights, scores = trace.weights(1, 2, TopK(2)), trace.scores(1, 2)
    for layer, head, query, query_token, key, key_token, score, weight in found:
        assert (layer, head) == ("1", "2")
        assert (query_token, key_token) == (DOG[int(query)], DOG[int(key)])
        assert float(score) == pytest.approx(scores[int(query), int(key)].item(), rel=1e-5)  # six digits
        assert float(weight) == pytest.approx(weights[int(query), int(key)].item(), rel=1e-5)


def test_csv_begins_with_the_mark_by_which_excel_knows_utf8() -> None:
    data = export.as_csv(made(NASTY), None, 0, 0)
    assert data.startswith(b"\xef\xbb\xbf") and data.count(b"\xef\xbb\xbf") == 1
    assert "龘" in data.decode("utf-8-sig")


def test_commas_quotes_and_line_ends_in_tokens_do_not_break_the_table() -> None:
    _, *found = rows(export.as_csv(made(NASTY), None, 0, 0))
    assert {len(row) for row in found} == {len(HEADER)}
    assert [row[5] for row in found[: len(NASTY)]] == list(NASTY)


def test_csv_says_minus_infinity_where_a_key_is_not_allowed() -> None:
    _, *found = rows(export.as_csv(made(causal=True), None, 0, 0))
    above = [row for row in found if int(row[4]) > int(row[2])]
    assert above and all(float(row[6]) == -np.inf and float(row[7]) == 0 for row in above)


def test_npz_holds_all_weights_and_what_they_belong_to() -> None:
    trace = made(NASTY, text="龘 </script>")
    with np.load(io.BytesIO(export.as_npz(trace, TopK(2))), allow_pickle=False) as found:
        assert found["weights"].dtype == np.float32 and found["weights"].shape == (2, 3, 10, 10)
        for layer in range(2):
            np.testing.assert_array_equal(found["weights"][layer], trace.weights(layer, rule=TopK(2)).numpy())
        assert found["tokens"].tolist() == list(NASTY)
        assert (str(found["text"]), str(found["model"])) == ("龘 </script>", "made by hand")
        assert str(found["rule"]) == repr(TopK(2))


def test_npz_names_the_rule_of_the_run_where_none_was_put_over_it() -> None:
    with np.load(io.BytesIO(export.as_npz(made(rule=TopK(3)), None)), allow_pickle=False) as found:
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
    return Page(export.as_html(trace, None, 1, 2, 3, "unit", True))


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
    data = export.as_html(made(), TopK(2), 1, 2, 3, "row", False).decode("utf-8")
    assert f'<html lang="{language}">' in data and '<meta charset="utf-8">' in data
    assert html.escape(str(TopK(2))) in data and "made by hand" in data
    assert ("Layer 1, head 2" if language == "en" else "第 1 层第 2 头") in data
