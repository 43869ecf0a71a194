"""Whatever is given where something else was meant: a sentence in both languages, and nothing is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import attnviz as av
from attnviz.core import masks
from attnviz.errors import LONGEST
from attnviz.text.tokens import Encoded

TEXT = "the cat sat"
Ask = Callable[[], object]


class Odd:
    """A thing that fails whatever one asks of it."""

    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)

    def __len__(self) -> int:
        raise ZeroDivisionError

    def __repr__(self) -> str:
        raise BufferError

    def __index__(self) -> int:
        raise BufferError

    def __fspath__(self) -> str:
        raise EOFError


def lab() -> Any:
    return av.load("lab-4")


def ids(*numbers: Any) -> Encoded:
    count = len(numbers)
    return Encoded("x" * count, numbers, ("x",) * count, (None,) * count, (False,) * count, None)


WRONG: dict[str, tuple[str, Ask]] = {
    "no model": ("argument_model", lambda: av.record(None, TEXT)),
    "a thing that fails for a model": ("argument_model", lambda: av.record(Odd(), TEXT)),
    "no model in a batch": ("argument_model", lambda: av.record_batch("lab-4", [TEXT])),
    "no model to write": ("argument_model", lambda: av.generate(3, TEXT)),
    "a system in a batch": ("system_cannot", lambda: av.record_batch(av.load("han-topics"), [TEXT])),
    "a number for a text": ("argument_text", lambda: av.record(lab(), 5)),
    "bytes for a text": ("argument_text", lambda: av.generate(av.load("lab-gpt"), b"x")),
    "a number for a system's text": ("argument_text", lambda: av.record(av.load("han-topics"), 5)),
    "a number for a target": ("argument_text", lambda: av.record(lab(), TEXT, target=5)),
    "a text for the texts": ("argument_list", lambda: av.record_batch(lab(), TEXT)),
    "a number among the texts": ("argument_text", lambda: av.record_batch(lab(), [TEXT, 1])),
    "too few targets": ("argument_each", lambda: av.record_batch(lab(), [TEXT, TEXT], targets=[None])),
    "a number for blanks": ("argument_list", lambda: av.record_batch(lab(), [TEXT], blanks=3)),
    "a text for a rule": ("argument_rule", lambda: av.record(lab(), TEXT, rule="soft")),
    "a rule for changes": ("argument_change", lambda: av.record(lab(), TEXT, interventions=av.Soft())),
    "numbers for changes": ("argument_change", lambda: av.record(lab(), TEXT, interventions=[1])),
    "a fraction for a blank": ("argument_whole", lambda: av.record(lab(), TEXT, blank=1.5)),
    "a word for a switch": ("argument_switch", lambda: av.record(lab(), TEXT, states="yes")),
    "numbers for a switch": ("argument_switch", lambda: av.record(lab(), TEXT, predictions=np.array([1, 2]))),
    "a number to be called": ("argument_function", lambda: av.record(lab(), TEXT, on_layer=3)),
    "a number to report to": ("argument_function", lambda: av.load("lab-4", progress=3)),
    "no token to write": ("argument_most", lambda: av.generate(av.load("lab-gpt"), TEXT, most=0)),
    "a word for most": ("argument_whole", lambda: av.generate(av.load("lab-gpt"), TEXT, most="1")),
    "a word for a seed": ("argument_whole", lambda: av.generate(av.load("lab-gpt"), TEXT, seed="x")),
    "a word for a temperature": ("temperature", lambda: av.generate(av.load("lab-gpt"), TEXT, temperature="x")),
    "ids below the model's": ("tokens_beyond_model", lambda: av.record(lab(), ids(-1))),
    "ids above the model's": ("tokens_beyond_model", lambda: av.generate(av.load("lab-gpt"), ids(10**30))),
    "ids above in a batch": ("tokens_beyond_model", lambda: av.record_batch(lab(), [TEXT, ids(10**9)])),
    "ids that are fractions": ("argument_whole", lambda: av.record(lab(), ids(0.5))),
    "a text of no tokens": ("text_empty", lambda: av.record(lab(), ids())),
    "a number for a name": ("argument_name", lambda: av.load(5)),
    "a thing that fails for a name": ("argument_name", lambda: av.load(Odd())),
    "a list for a name": ("argument_name", lambda: av.load(["lab-4"])),
    "a number for a revision": ("argument_revision", lambda: av.load("lab-4", 5)),
    "a zero byte in a name": ("folder_missing", lambda: av.load("./lab\0-4")),
    "a name too long for a path": ("model_name", lambda: av.load("南京 " * 5000)),
    "a user nobody knows": ("folder_missing", lambda: av.load("~nobody-of-that-name/model")),
    "a token that is no number": ("argument_whole", lambda: av.HideToken(float("nan"))),
    "a truth for a token": ("argument_whole", lambda: av.HideToken(True)),
    "a thing that fails for a head": ("argument_whole", lambda: av.KeepHead(Odd())),
    "one head where some are meant": ("argument_wholes", lambda: av.RemoveHeads(3)),
    "a text for layers": ("argument_wholes", lambda: av.RemoveHeads((0,), layers="01")),
    "a number for a part": ("argument_part", lambda: av.ForbidEdge(1, 2, part=3)),
    "no rule to weigh again": ("argument_rule", lambda: av.Reweigh(None)),
    "no pattern to restrict to": ("argument_mask", lambda: av.Restrict(3)),
    "a token beyond every number": ("no_such_key", lambda: av.record(lab(), TEXT, interventions=[av.HideToken(2**70)])),
    "a word for k": ("k", lambda: av.TopK("2")),
    "a complex p": ("p", lambda: av.TopP(1j)),
    "nothing for a threshold": ("minimum", lambda: av.Threshold(None)),
    "two numbers for alpha": ("alpha", lambda: av.Entmax(torch.tensor([1.5, 2.0]))),
    "a seed that is none": ("seed", lambda: av.Sample("x")),
    "a word for renormalise": ("argument_switch", lambda: av.TopK(2, renormalise="x")),
    "a word for a window": ("mask_number", lambda: masks.Window("2")),
    "an endless window": ("mask_number", lambda: masks.Window(float("inf"))),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_of_another_kind_is_refused_in_a_sentence_of_both_languages(case: str) -> None:
    message, ask = WRONG[case]
    with pytest.raises(av.AttnvizError) as refused:
        ask()
    assert refused.value.message == message
    said = {refused.value.say("en"), refused.value.say("zh")}
    assert len(said) == 2 and all(one.encode() for one in said)


@pytest.mark.parametrize("one", [np.int64(1), torch.tensor(1), np.array(1)], ids=["numpy", "torch", "array"])
def test_whole_numbers_of_other_libraries_mean_what_pythons_own_mean(one: Any) -> None:
    same = [
        (av.HideToken(one), av.HideToken(1)),
        (av.KeepHead(one), av.KeepHead(1)),
        (av.RemoveHeads([one], layers=[one]), av.RemoveHeads((1,), layers=(1,))),
        (av.ForbidEdge(one, one, heads=[one]), av.ForbidEdge(1, 1, heads=(1,))),
        (av.TopK(one), av.TopK(1)),
        (masks.Window(one), masks.Window(1)),
    ]
    for given, meant in same:
        assert given == meant and hash(given) == hash(meant) and str(given) == str(meant)
    assert av.record(lab(), TEXT, blank=one).tokens == av.record(lab(), TEXT, blank=1).tokens


def test_a_path_and_a_text_name_the_same() -> None:
    assert av.load(Path("lab-4")).name == av.load("lab-4").name == "lab-4"


@pytest.mark.parametrize("seed", [-1, 2**64, 2**70, -(2**70)])
def test_a_seed_may_be_any_whole_number(seed: int) -> None:
    model = av.load("lab-gpt")
    once, again = (av.generate(model, TEXT, most=3, temperature=1.0, seed=seed).tokens for _ in range(2))
    assert once == again


def test_a_negative_seed_is_the_one_that_pytorch_takes_it_for() -> None:
    theirs = torch.Generator().manual_seed(-5).initial_seed()
    assert theirs % 2**64 == -5 % 2**64


def test_more_tokens_than_the_memory_holds_are_refused_before_the_first_is_written() -> None:
    written: list[int] = []
    endless = replace(av.load("lab-gpt"), limit=None)
    with pytest.raises(av.TextError, match="GB"):
        av.generate(endless, TEXT, most=2**70, on_token=lambda count, _: written.append(count))
    assert written == []


@pytest.mark.parametrize("value", ["长" * 99_999, "\ud800", 10**5000, Odd(), b"\xff" * 9_999], ids=type)
def test_a_sentence_can_be_shown_whatever_it_names(value: object) -> None:
    error = av.ModelError("model_name", model=value)
    for language in ("en", "zh"):
        said = error.say(language)
        assert said.encode() and len(said) < LONGEST + 200


def test_what_the_checks_overlook_is_a_sentence_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnviz.recording import record as module

    def broken(*_: object) -> None:
        raise SystemError("no such thing")

    monkeypatch.setattr(module, "check_text", broken)
    with pytest.raises(av.AttnvizError, match="no such thing") as refused:
        av.record(lab(), TEXT)
    assert refused.value.message == "call_failed" and "record" in refused.value.say("zh")


def test_a_system_that_fails_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    system = av.load("han-topics")
    monkeypatch.setattr(type(system), "read", lambda *_, **__: [][0])
    with pytest.raises(av.AttnvizError, match="list index"):
        av.record(system, TEXT)
