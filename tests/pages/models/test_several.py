"""The models page under AppTest: several choices, of which a model with a multiple-choice head takes one."""

from __future__ import annotations

import re

import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import AutoModelForMultipleChoice, AutoTokenizer, PreTrainedTokenizerBase

from attnviz import load, record
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.models import several
from tests.pages.models.opened import KEY, TEXT, control, opened
from tests.pages.opened import charts, elements
from tests.parity.heads import headed

CHOICES = ("it was tired", "the dog sat on the cat and the mats", "the cat")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A tiny BERT with a multiple-choice head."""
    return str(headed.save("choice", "bert", tmp_path_factory.mktemp("choice"), wordpiece))


def theirs(place: str, *removed: tuple[int, int]) -> list[float]:
    """What transformers' own model gives for all choices in one batch, heads `(layer, head)` removed by hand."""
    network = AutoModelForMultipleChoice.from_pretrained(place, attn_implementation="eager").eval()
    width = network.config.hidden_size // network.config.num_attention_heads
    for layer, head in removed:
        with torch.no_grad():
            network.bert.encoder.layer[layer].attention.output.dense.weight[:, head * width : (head + 1) * width] = 0
    found = AutoTokenizer.from_pretrained(place)(
        [TEXT] * len(CHOICES), list(CHOICES), padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        logits = network(**{name: one[None] for name, one in found.items()}).logits
    return logits[0].softmax(0).tolist()


def shares(at: AppTest) -> list[float]:
    """The numbers beside the choices, of each choice before and, where there is a change, after it."""
    return [float(re.findall(r"[\d.]+$", one.proto.text)[0]) for one in at.get("progress")]


def labels(at: AppTest) -> list[str]:
    return list(charts(at)[1]["layout"]["xaxis"]["ticktext"])


def buttons(at: AppTest) -> list:
    return [one for one in elements(at) if re.fullmatch(KEY + r"choice\.\d+", str(getattr(one, "key", "")))]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_choice_has_the_probability_that_transformers_gives_it(lang: str, place: str) -> None:
    at = opened(lang, id=place, pair="\n".join(CHOICES))
    assert not at.exception and not at.error
    assert control(at, "pair").label == say("models.choices", lang) and control(at, "pair").value == "\n".join(CHOICES)
    assert [one.label for one in buttons(at)] == list(CHOICES)
    assert shares(at) == pytest.approx(theirs(place), abs=6e-4)
    assert labels(at) == record(load(place), TEXT, pair=CHOICES[0]).key_tokens


def test_a_change_inside_the_run_changes_the_probabilities_of_all_choices(place: str) -> None:
    at = opened(id=place, pair="\n".join(CHOICES), change="-1.2", scope="run")
    assert not at.exception and not at.error
    found = shares(at)
    assert found[0::2] == pytest.approx(theirs(place), abs=6e-4)
    assert found[1::2] == pytest.approx(theirs(place, (1, 2)), abs=6e-4)
    assert found[0::2] != found[1::2]


def test_a_rule_that_the_model_runs_with_acts_on_all_choices(place: str) -> None:
    rule = {"rule": "hard", "hard": "argmax"}
    found = shares(opened(id=place, pair="\n".join(CHOICES), scope="run", **rule))
    assert len(found) == 6 and found[0::2] != found[1::2]
    assert len(shares(opened(id=place, pair="\n".join(CHOICES), scope="redraw", **rule))) == 3


def test_a_click_opens_the_map_of_a_choice_and_the_link_brings_it_back(place: str) -> None:
    at = opened(id=place, pair="\n".join(CHOICES))
    buttons(at)[1].click()
    at.run()
    expected = record(load(place), TEXT, pair=CHOICES[1]).key_tokens
    assert labels(at) == expected and at.query_params["choice"] in ("1", ["1"])
    assert labels(opened(id=place, pair="\n".join(CHOICES), choice="1")) == expected
    far = opened(id=place, pair="\n".join(CHOICES), choice="9")
    assert not far.exception and labels(far) == record(load(place), TEXT, pair=CHOICES[2]).key_tokens


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("pair", "message"), [("", "choices_hint"), ("it was tired", "choices_hint")])
def test_fewer_than_two_choices_are_asked_for(pair: str, message: str, lang: str, place: str) -> None:
    at = opened(lang, id=place, pair=pair)
    assert not at.exception and not at.error
    assert say(f"models.{message}", lang) in [one.value for one in at.caption]
    assert not buttons(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_too_many_choices_it_is_said_how_many_are_not_read(lang: str, place: str) -> None:
    at = opened(lang, id=place, pair="\n\n".join(f"the cat {n}" for n in range(several.MOST + 3)))
    assert not at.exception and len(buttons(at)) == several.MOST
    assert say("models.choices_cut", lang, most=several.MOST, left=3) in [one.value for one in at.caption]


def test_choices_with_marks_of_markdown_are_shown_as_they_are(place: str) -> None:
    at = opened(id=place, pair="the *cat* [a](b)\n$x$ :red[dog]")
    assert not at.exception
    assert [re.sub(r"\\(.)", r"\1", one.label) for one in buttons(at)] == ["the *cat* [a](b)", "$x$ :red[dog]"]


def test_another_model_has_the_box_for_a_second_text() -> None:
    at = opened(id="lab-4", text=TEXT)
    assert control(at, "pair").label == say("ui.pair", "en") and not buttons(at)
