"""The first lesson: five steps, each with a question before the answer, all of it from the model's own run."""

from __future__ import annotations

import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.lesson.choices import SENTENCES, SHOW, STEPS
from attnviz.ui.pages.lesson.run import CLEAR, OFFERED
from tests.pages.every.test_every_page import alone, raw_keys
from tests.pages.opened import PATIENCE, ROOT, said, seen


def lesson(lang: str, step: int = 1, **link: str) -> AppTest:
    return alone("lesson", lang=lang, step=str(step), **link)


def answers(at: AppTest) -> list[str]:
    """The buttons of the question, without the one that shows."""
    return [seen(one.label) for one in at.button if re.fullmatch(r"lesson\.\d\.\d+", one.key or "")]


def told(at: AppTest) -> str:
    """What the model is said to do; empty while nobody has guessed."""
    return seen("".join(one.value for one in [*at.info, *at.success]))


def run(lang: str) -> tuple[av.Trace, int, int, int, int]:
    """The run, the asking token and the (layer, head, key) of its largest weight on another token, by plain loops."""
    text, query = SENTENCES[lang]
    trace = av.record(av.load("lab-4"), text)
    best = (0.0, 0, 0, 0)
    for layer in range(trace.n_layers):
        for head in range(trace.n_heads):
            for key, special in enumerate(trace.special):
                if not special and key != query:
                    best = max(best, (float(trace.weights(layer, head)[query, key]), layer, head, key))
    return trace, query, *best[1:]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("step", STEPS)
def test_every_step_asks_before_it_tells(step: int, lang: str) -> None:
    at = lesson(lang, step)
    assert not at.exception and not at.error and not raw_keys(at, lang)
    assert len(answers(at)) >= 3 and told(at) == ""
    assert say(f"lesson.try_{['ask', 'key', 'temperature', 'layer', 'ask'][step - 1]}", lang) not in said(at)
    at.button(key=f"lesson.{step}.{SHOW}").click().run()
    assert not at.exception and not raw_keys(at, lang)
    assert told(at) != "" and say("lesson.right", lang) not in told(at)
    assert say(f"lesson.try_{['ask', 'key', 'temperature', 'layer', 'ask'][step - 1]}", lang) in said(at)
    assert at.query_params[f"a{step}"] in (str(SHOW), [str(SHOW)])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_answer_is_the_largest_weight_of_any_head(lang: str) -> None:
    trace, query, layer, head, key = run(lang)
    at = lesson(lang)
    weight = float(trace.weights(layer, head)[query, key])
    assert weight >= CLEAR
    at.button(key=f"lesson.1.{key}").click().run()
    assert say("lesson.right", lang) in told(at) and f"{weight:.0%}" in told(at) and trace.tokens[key] in told(at)
    text = [one for one, special in enumerate(trace.special) if not special and one != query]
    rest = f"{1 - float(trace.weights(layer, head)[query, text].sum()):.0%}"
    assert seen(say("lesson.drawn_1", lang, layer=layer, head=head, rest=rest, heads=16)) in seen(said(at))
    other = next(at for at, special in enumerate(trace.special) if not special and at not in (query, key))
    wrong = lesson(lang, a1=str(other))
    assert say("lesson.right", lang) not in told(wrong)
    assert trace.tokens[other] in told(wrong) and f"{weight:.0%}" in told(wrong)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_scores_are_those_of_the_run(lang: str) -> None:
    trace, query, layer, head, key = run(lang)
    at = lesson(lang, 2, a2=str(SHOW))
    attention = trace.attention(layer, head)
    product = sum(float(a) * float(b) for a, b in zip(attention.queries[query], attention.keys[key], strict=True))
    width = attention.queries.shape[-1]
    for number in (product, product / width**0.5):
        assert f"{number:.2f}" in said(at)
    compared = [trace.tokens.index(name) for name in answers(at)]
    worst = min(compared, key=lambda one: float(trace.scores(layer, head)[query, one]))
    at.button(key=f"lesson.2.{worst}").click().run()
    assert say("lesson.right", lang) in told(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_higher_temperature_is_computed_and_not_said(lang: str) -> None:
    trace, query, layer, head, key = run(lang)
    scores = trace.scores(layer, head)[query].double()
    halved = float((scores / 2).exp()[key] / (scores / 2).exp().sum())
    at = lesson(lang, 3, a3="0")
    assert say("lesson.right", lang) in told(at) and f"{halved:.0%}" in told(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_heads_that_agree_are_counted(lang: str) -> None:
    trace, query, layer, _, key = run(lang)
    text = [at for at, special in enumerate(trace.special) if not special and at != query]
    agree = sum(
        max(text, key=lambda at: float(trace.weights(layer, head)[query, at])) == key for head in range(trace.n_heads)
    )
    assert say("lesson.right", lang) in told(lesson(lang, 4, a4=str(agree)))
    assert say("lesson.right", lang) not in told(lesson(lang, 4, a4=str(agree % trace.n_heads + 1)))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_last_answer_is_the_models_first_word_at_the_hidden_token(lang: str) -> None:
    text, query = SENTENCES[lang]
    trace = av.record(av.load("lab-4"), text, blank=query)
    best, chance = trace.predictions(query, top=1)[0]
    at = lesson(lang, 5)
    assert best in answers(at)
    number = int(torch.as_tensor(trace.probabilities(query)).argmax())
    at.button(key=f"lesson.5.{number}").click().run()
    assert say("lesson.right", lang) in told(at) and f"{chance:.0%}" in told(at) and best in told(at)


def test_another_sentence_or_token_forgets_what_was_answered() -> None:
    at = lesson("en", a1=str(SHOW))
    at.selectbox(key="lesson.ask").set_value(6).run()
    assert told(at) == "" and "sea" in said(at) and "sea" not in answers(at)
    at = lesson("en", a1=str(SHOW), ask="6")
    assert told(at) != ""
    at.text_input(key="lesson.text").set_value("猫坐在垫子上").run()
    assert not at.exception and told(at) == "" and at.query_params["text"] in ("猫坐在垫子上", ["猫坐在垫子上"])


def test_the_sentence_follows_the_language_until_somebody_types_one() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).switch_page("pages/lesson.py")
    at.query_params["lang"] = "zh"
    at.run()
    assert at.text_input(key="lesson.text").value == SENTENCES["zh"][0] and "text" not in at.query_params
    at.session_state["lang"] = "en"
    at.run()
    assert at.text_input(key="lesson.text").value == SENTENCES["en"][0]


@pytest.mark.parametrize("text", ["猫", "a"])
def test_a_sentence_of_one_token_is_told_that_it_has_nobody_to_ask(text: str) -> None:
    at = lesson("en", text=text)
    assert not at.exception and not at.error
    assert say("lesson.alone", "en") in told(at) and not answers(at)


@pytest.mark.parametrize("step", STEPS)
def test_a_long_or_strange_sentence_goes_through_every_step(step: int) -> None:
    for text in ("猫坐在垫子上因为它很累" * 12, "$x$ *a* <b> |d| [MASK]", "南南南"):
        at = lesson("zh", step, text=text, **{f"a{step}": str(SHOW)})
        assert not at.exception and not at.error
        assert 1 < len(answers(at)) <= OFFERED


def test_what_is_not_clear_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.ui.pages.lesson.run.CLEAR", 0.999)
    at = lesson("en", a1=str(SHOW))
    assert "looks nowhere clearly" in told(at)


def test_skip_leads_into_the_app_and_the_end_to_the_map() -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).switch_page("pages/lesson.py")
    at.query_params["lang"] = "en"
    at.run()
    for step in STEPS[:-1]:
        assert at.button(key="lesson.skip")
        at.button(key="lesson.next").click().run()
        assert at.session_state["lesson.step"] == step + 1
    at.button(key="lesson.map").click().run()
    assert not at.exception and say("family.title", "en") in said(at)
    at.switch_page("pages/lesson.py").run()
    at.button(key="lesson.skip").click().run()
    assert not at.exception and say("ui.title", "en") in said(at)
