"""The translation page under AppTest: what it shows, what each control changes, what bad input gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from transformers import PreTrainedTokenizerBase

from attnviz import Argmax, Sparsemax, TopK, Trace, load
from attnviz.core.interventions import Reweigh
from attnviz.messages import LANGUAGES, say, table
from attnviz.recording.generate import generate
from attnviz.systems.translation import system as translation
from attnviz.ui.pages.translation import shown as translation_shown
from attnviz.ui.pages.translation.choices import PARAMS, SHOWN
from tests.pages.opened import PATIENCE, ROOT, array, elements, said, seen
from tests.parity import tiny

START = {"zh-en": str(PARAMS["zh"].default), "en-zh": str(PARAMS["en"].default)}
REPLAY = translation_shown._replay
SIDES = dict(
    d_model=32, encoder_layers=2, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=48, decoder_ffn_dim=48, decoder_start_token_id=0,
)  # fmt: skip


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Translations appear at once, but for the test of how they appear."""
    monkeypatch.setattr(translation_shown, "_replay", lambda picture, run: None)


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A tiny random Marian in a folder."""
    return str(tiny.save("seq2seq", "marian", tmp_path_factory.mktemp("marian"), wordpiece, **SIDES))


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "translation.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == PARAMS[name].key)


def chart(at: AppTest, number: int) -> dict:
    """The figures, in the order of the page: the map, BLEU by length."""
    return json.loads(at.get("plotly_chart")[number].proto.spec)


def cells(at: AppTest) -> np.ndarray:
    return array(chart(at, 0)["data"][0]["z"])


def answers(at: AppTest) -> str:
    """The table of translations, without the marks of Markdown."""
    found = [element.value for element in at.markdown if "| --- |" in element.value]
    return found[0].replace("\\", "")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("way", ["zh-en", "en-zh"])
def test_the_page_shows_the_map_and_three_translations(lang: str, way: str) -> None:
    at = opened(lang, way=way)
    assert not at.exception and not at.error and len(at.get("plotly_chart")) == 2
    trace = translation.load(f"nmt-{way}").translate(START[way])
    np.testing.assert_allclose(cells(at), trace.weights(0, 0).numpy(), atol=1e-6)
    assert trace.text in answers(at)
    assert translation.load(f"nmt-{way}-plain").translate(START[way]).text in answers(at)
    assert "Tatoeba" in said(at) and "CC BY 2.0 FR" in said(at)
    assert "translation." not in said(at)
    for name in ("way", "uniform", "target", "query", "key"):
        assert control(at, name).label in set(table(lang).values())


@pytest.mark.parametrize(
    ("link", "rule"),
    [
        ({"rule": "hard", "hard": "argmax"}, Argmax()), ({"rule": "hard", "hard": "top-k", "k": "3"}, TopK(3, True)),
        ({"rule": "sparse"}, Sparsemax()), ({"uniform": "1"}, translation.Uniform()),
    ],
)  # fmt: skip
def test_the_rule_acts_while_the_model_writes_and_soft_stands_beside_it(link: dict[str, str], rule: object) -> None:
    at = opened(**link)
    assert not at.exception and not at.error
    system = translation.load("nmt-zh-en")
    trace = system.translate(START["zh-en"], rule=rule)  # type: ignore[arg-type]
    np.testing.assert_allclose(cells(at), trace.weights(0, 0).numpy(), atol=1e-6)
    assert trace.text in answers(at) and system.translate(START["zh-en"]).text in answers(at)
    assert say("translation.soft", "en") in answers(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_cell_is_explained_with_the_energy_and_the_softmax(lang: str) -> None:
    at = opened(lang, query="3", key="2")
    cell = translation.load("nmt-zh-en").translate(START["zh-en"]).cell(0, 0, 3, 2)
    assert f"tanh(W s_{{i-1}}+U h_j)={cell.product:.4f}" in said(at)
    assert f"**{cell.weight:.4f}**" in said(at)
    assert f"\\exp({cell.log_total:.4f})" in said(at)


def test_the_heaviest_cell_is_opened_first() -> None:
    at = opened()
    trace = translation.load("nmt-zh-en").translate(START["zh-en"])
    query, key = control(at, "query").value, control(at, "key").value
    assert not trace.special[query] and not trace.key_special[key]
    assert trace.weights(0, 0)[query, key] == trace.weights(0, 0)[:-1, :-1].max()


def test_sampled_and_temperature_say_what_they_did() -> None:
    for link in ({"rule": "hard", "hard": "sample"}, {"temperature": "0.5"}, {"rule": "sparse", "sparse": "entmax"}):
        at = opened(**link)
        assert not at.exception and not at.error and len(at.get("plotly_chart")) == 2


def test_a_translation_of_ones_own_is_aligned_and_weighed() -> None:
    own = "My father speaks French."
    at = opened()
    control(at, "target").set_value(own).run()
    assert not at.exception and not at.error
    trace = translation.load("nmt-zh-en").translate(START["zh-en"], target=own)
    np.testing.assert_allclose(cells(at), trace.weights(0, 0).numpy(), atol=1e-6)
    assert f"{translation.surprise(trace):.2f}" in said(at) and own in answers(at)
    assert at.query_params["target"] == own


def test_a_sample_of_the_test_fills_the_box() -> None:
    at = opened(way="en-zh")
    pills = next(element for element in elements(at) if getattr(element, "key", "") == "translation.sample_en")
    assert len(pills.options) == SHOWN
    pills.set_value(pills.options[0]).run()
    assert not at.exception and control(at, "en").value == pills.options[0]
    assert translation.load("nmt-en-zh").translate(pills.options[0]).text in answers(at)


def test_the_plot_is_that_of_the_figures() -> None:
    told = json.loads((ROOT / "attnviz/weights/nmt-zh-en/figures.json").read_text(encoding="utf-8"))
    drawn = chart(opened(), 1)["data"]
    for number, name in enumerate(("attention", "plain", "uniform")):
        np.testing.assert_allclose(array(drawn[number]["y"]), told["bleu_by_length"][name])
        np.testing.assert_allclose(array(drawn[number]["x"]), told["lengths"])
    assert f"{told['ratio_long']:.2f}" in said(opened())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_wrong_language_is_said(lang: str) -> None:
    at = opened(lang, zh="hello there")
    assert not at.exception and [box.value for box in at.info] == [say("translation.wrong_zh_en", lang)]
    assert not opened(lang).info


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", ["", "  ", "\u3000"])
def test_nothing_typed_gives_one_sentence(text: str, lang: str) -> None:
    at = opened(lang)
    control(at, "zh").set_value(text).run()
    assert not at.exception and [error.value for error in at.error] == [say("error.text_empty", lang)]


@pytest.mark.parametrize("text", ["😀", "长", "<b>x</b>", "我" * 300, "a\u202eb", "مرحبا بالعالم", "*_`$x$", "\x07"])
def test_any_text_gives_a_picture_or_a_sentence(text: str) -> None:
    at = opened()
    control(at, "zh").set_value(text).run()
    assert not at.exception
    assert len(at.error) == 1 or len(at.get("plotly_chart")) == 2
    assert control(at, "zh").value == text, "nothing typed is lost"


def test_a_long_text_says_how_far_it_was_read() -> None:
    at = opened(zh="我喜欢你。" * 40)
    assert not at.exception and "60" in at.warning[0].value


def test_every_choice_comes_back_from_the_link() -> None:
    link = {
        "lang": "zh", "way": "en-zh", "en": "I like tea.", "zh": "我怕死。", "rule": "hard", "k": "3", "query": "2",
        "key": "3", "target": "我喜欢茶。", "model": "someone/else",
    }  # fmt: skip
    at = opened(**link)
    assert not at.exception and not at.error
    assert {name: at.query_params[name] for name in link} == link
    assert opened(uniform="1").query_params["uniform"] == "1"
    assert not opened(way="fr-de", query="x", uniform="?").exception


def test_the_other_way_keeps_what_was_typed() -> None:
    at = opened()
    control(at, "zh").set_value("我怕死。").run()
    control(at, "way").set_value("en-zh").run()
    assert not at.error and control(at, "en").value == START["en-zh"]
    assert at.query_params["zh"] == "我怕死。"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_marian_fits_the_same_page(lang: str, marian: str) -> None:
    at = opened(lang, way="hub", model=marian, text="南京市长江大桥很长。", layer="2", head="1")
    assert not at.exception and not at.error and len(at.get("plotly_chart")) == 1
    trace = generate(load(marian), "南京市长江大桥很长。", most=60)
    np.testing.assert_allclose(cells(at), trace.map("cross").weights(2, 1).numpy(), atol=1e-6)
    assert "translation." not in said(at).replace("translation.py", "")


@pytest.mark.parametrize(("link", "rule"), [({"rule": "hard", "hard": "argmax"}, Argmax()), ({"uniform": "1"}, None)])
def test_a_rule_acts_in_the_cross_attention_of_a_marian(link: dict[str, str], rule: Argmax | None, marian: str) -> None:
    at = opened(way="hub", model=marian, text="南京市长江大桥很长。", layer="1", **link)
    assert not at.exception and not at.error
    change = Reweigh(rule or translation.Uniform(), part="cross")
    trace = generate(load(marian), "南京市长江大桥很长。", most=60, interventions=(change,))
    np.testing.assert_allclose(cells(at), trace.map("cross").weights(1, 0).numpy(), atol=1e-6)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("model", "message"),
    [("lab-4", "translation_needs_both"), ("/nowhere/at/all", "folder_missing"), ("a b", "model_name")],
)
def test_a_model_that_does_not_fit_is_said_in_one_sentence(model: str, message: str, lang: str, tmp_path: Path) -> None:
    at = opened(lang, way="hub", model=model)
    assert not at.exception and [seen(error.value) for error in at.error] == [
        say(f"error.{message}", lang, model=model)
    ]
    assert control(at, "model").value == model


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_missing_network_is_said_in_one_sentence(lang: str) -> None:
    at = opened(lang, way="hub", model="someone/not-here")
    start = say("error.hub_unreachable", lang, model="someone/not-here", endpoint="§", reason="").split("§")[0]
    assert not at.exception and len(at.error) == 1 and seen(at.error[0].value).startswith(start)


def test_a_translation_appears_word_by_word_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = translation.so_far

    def counted(trace: Trace, count: int) -> Trace:
        seen.append(count)
        return original(trace, count)

    monkeypatch.setattr(translation, "so_far", counted)
    monkeypatch.setattr(translation_shown, "_replay", REPLAY)
    monkeypatch.setattr(translation_shown, "PAUSE", 0.0)
    at = opened()
    count = len(cells(at))
    expected = list(range(1, count, -(-count // translation_shown.FRAMES)))
    assert seen == expected and len(seen) > 3
    at.run()
    assert seen == expected, "what was shown is shown at once"
