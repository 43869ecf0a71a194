"""The page on hierarchical attention under AppTest: what it shows, in both languages, and what bad input does to it."""

from __future__ import annotations

import json
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from attnviz.core.rules import Argmax
from attnviz.messages import LANGUAGES, say
from attnviz.systems.hierarchical.effect import without_sentences
from attnviz.systems.hierarchical.system import MOST_SENTENCES, colour, held_out, load, samples
from attnviz.ui.pages.hierarchical.choices import HEAVIEST, KEY, NETWORKS, PARAMS
from tests.pages.opened import PATIENCE, ROOT, array, elements, said

REVIEW = "The plot is thin.\nBut what a wonderful, moving performance!\nI would see it again."


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "hierarchical.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, key: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == key)


def charts(at: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in at.get("plotly_chart")]


def painted(at: AppTest) -> str:
    return next(one.proto.body for one in at.get("html") if "class='document'" in one.proto.body)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("model", NETWORKS)
def test_the_first_sample_is_read_and_shown_in_both_languages(model: str, lang: str) -> None:
    at = opened(lang, model=model)
    assert not at.exception and not at.error and not at.warning
    assert len(charts(at)) == 5
    assert "hierarchical." not in said(at) and "ui." not in said(at)
    found, figures = samples(model)[0], held_out(model)
    best = max(range(len(found["probabilities"])), key=found["probabilities"].__getitem__)
    label = say(f"hierarchical.class_{load(model).classes[best]}", lang)
    assert f"**{label}**, {found['probabilities'][best]:.1%}".replace(", ", "，" if lang == "zh" else ", ") in said(at)
    assert f"{figures['accuracy']:.1%}" in said(at) and found["licence"] in said(at).replace("\\", "")


def test_reader_s_language_decides_which_network_opens() -> None:
    assert [opened(lang).session_state[KEY + "model"] for lang in ("en", "zh")] == list(NETWORKS)


def test_words_carry_the_product_and_bars_the_sentence_weight() -> None:
    at = opened(model="han-reviews", text=REVIEW)
    trace = load("han-reviews").read(REVIEW)
    shown = re.findall(r"<span title='([\d.]+) × ([\d.]+) = ([\d.]+)'", painted(at))
    expected = [
        (f"{weight:.4f}", f"{one.weight:.4f}", f"{product:.4f}")
        for one in colour(trace)
        for weight, product in zip(one.word_weights, one.products, strict=True)
    ]
    assert shown == expected
    assert [f"{one.weight:.1%}" for one in colour(trace)] == re.findall(r"\d: ([\d.]+%)", painted(at))


def test_maps_are_those_of_the_trace() -> None:
    at = opened(model="han-reviews", text=REVIEW)
    trace = load("han-reviews").read(REVIEW)
    sentences, words = charts(at)[1], charts(at)[2]
    above = trace.map("sentences").weights(0, 0)
    assert torch.tensor(array(sentences["data"][0]["z"]).copy()) == pytest.approx(above / above.amax(), abs=1e-6)
    cells = torch.tensor(array(words["data"][0]["z"]).copy())
    allowed = trace.attention(0, 0).allowed
    assert torch.equal(~cells.isnan(), allowed)


def test_table_says_what_deleting_does() -> None:
    lines = said(opened(model="han-reviews", text=REVIEW)).split("\n")
    found = without_sentences(load("han-reviews"), load("han-reviews").read(REVIEW))
    for name, one in (("most", max(found, key=lambda d: d.weight)), ("least", min(found, key=lambda d: d.weight))):
        start = say(f"hierarchical.without_{name}", "en", name="§").split("§")[0]
        row = next(line for line in lines if line.startswith(f"| {start}"))
        cells = row.split("|")
        assert cells[2].strip() == f"{one.weight:.4f}" and cells[3].strip() == f"{one.after[one.told]:.3f}"
        assert cells[4].split()[0] == f"{one.change:+.3f}".replace("-", "−")


def test_the_rule_changes_the_prediction_of_both_levels() -> None:
    at = opened(model="han-reviews", text=REVIEW, rule="hard", hard="argmax")
    found = load("han-reviews").read(REVIEW, Argmax()).map("sentences").probabilities(0)
    plain = load("han-reviews").read(REVIEW).map("sentences").probabilities(0)
    assert not torch.allclose(found, plain, atol=1e-3)
    assert all(f"{p:.3f}" in said(at) for p in found.tolist())
    assert re.findall(r"= ([\d.]+)'", painted(at)).count("1.0000") == 1, "one word of one sentence has all the weight"
    assert not at.exception


@pytest.mark.parametrize("link", [{"rule": "hard", "minimum": "1.0", "hard": "threshold"}, {"rule": "sparse"}])
def test_rules_that_leave_nothing_or_little_are_shown(link: dict[str, str]) -> None:
    at = opened(model="han-reviews", text=REVIEW, **link)
    assert not at.exception and not at.error and len(charts(at)) == 5


def test_choices_come_back_from_the_link() -> None:
    at = opened(model="han-reviews", text=REVIEW)
    control(at, KEY + "sentence").set_value(1).run()
    control(at, KEY + "word").set_value(2).run()
    link = {name: value if isinstance(value, str) else value[0] for name, value in at.query_params.items()}
    assert (link["text"], link["sentence"], link["word"]) == (REVIEW, "1", "2")
    again = opened(**link)
    assert not again.exception and painted(again) == painted(at)
    assert control(again, KEY + "box").value == REVIEW
    bars = charts(again)[0]["data"][0]
    assert any(name == "a" for name in bars["hovertext"])
    assert not opened(sentence="x", word="-7", sample="99", model="gpt").exception


def test_a_sentence_that_is_not_there_falls_back_to_the_heaviest() -> None:
    at = opened(model="han-reviews", text=REVIEW, sentence="50", word="900")
    assert not at.exception and at.session_state[PARAMS["sentence"].key] == HEAVIEST


def test_samples_and_own_text_replace_each_other() -> None:
    at = opened(model="han-reviews")
    control(at, KEY + "box").set_value(REVIEW).run()
    assert at.query_params["text"] == [REVIEW] or at.query_params["text"] == REVIEW
    control(at, KEY + "pill").set_value(1).run()
    assert "text" not in at.query_params and control(at, KEY + "box").value == samples("han-reviews")[1]["text"]
    control(at, KEY + "model").set_value("han-topics").run()
    assert control(at, KEY + "box").value == samples("han-topics")[0]["text"] and not at.exception


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "  \n", "\U0001f600", "שלום", "\u202e\u200b", "zzqxv"])
def test_text_that_says_nothing_gives_one_sentence_and_is_kept(text: str, lang: str) -> None:
    at = opened(lang, model="han-reviews")
    control(at, KEY + "box").set_value(text).run()
    assert not at.exception and len(at.error) == 1 and not charts(at)
    assert control(at, KEY + "box").value == text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_text_of_another_language_gets_a_notice(lang: str) -> None:
    at = opened(lang, model="han-topics", text="I saw this film 2 times, OK?")
    assert len(at.warning) == 1 and not at.exception
    assert say("hierarchical.wrong_zh", lang, known="§").split("§")[0] in at.warning[0].value
    assert not opened(lang, model="han-reviews", text=REVIEW).warning


def test_a_document_that_is_cut_says_how_far_it_was_read() -> None:
    at = opened(model="han-reviews", text="\n".join(["a good film"] * (MOST_SENTENCES + 1)))
    assert not at.exception and str(MOST_SENTENCES) in at.warning[0].value and "a good film" in at.warning[0].value


def test_one_sentence_is_not_deleted() -> None:
    at = opened(model="han-reviews", text="A wonderful film")
    assert not at.exception and say("hierarchical.effect_one", "en") in said(at)


def test_markup_in_a_text_is_text() -> None:
    at = opened(model="han-reviews", text="A <b>good</b> film & <script>alert(1)</script>\n| a | $x$ *b* |")
    assert not at.exception and "<script>" not in painted(at) and "<b>" not in painted(at)
