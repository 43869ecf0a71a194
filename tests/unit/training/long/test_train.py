"""The courses of lab-long one after the other, each of a few steps: what each gives is what the next one takes."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from transformers import MistralForCausalLM

from attnviz.training.long import growth, lessons, taught, train
from attnviz.training.long.drills import Drills
from attnviz.training.sentences import NO_TARGET
from tests.unit.training.long.rows import START


def told() -> Iterator[dict[str, torch.Tensor]]:
    """Without end: one sentence of six tokens."""
    ids = torch.randint(5, 8_000, (1, 6))
    last = torch.tensor([[False] * 5 + [True]])
    row = {"ids": ids, "positions": torch.arange(6)[None], "text": torch.ones(1, 6, dtype=torch.long)}
    return itertools.repeat(row | {"targets": ids.roll(-1, 1).masked_fill(last, NO_TARGET)})


def test_a_copy_is_drilled_and_its_heads_stand_beside_the_old_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "LATE", (128,))
    monkeypatch.setattr(growth, "TRIES", 1)
    courses = ("BLOCKS", "PIECES", "HEADS", "TOGETHER", "ON")
    for name in courses:
        short = replace(getattr(lessons, name), steps=2, texts=(96,), far=(128,), warm_up=1)
        monkeypatch.setattr(train, name, short)
    before = train.new_model().eval().requires_grad_(False)
    rng = random.Random(1)
    texts = ([rng.randrange(5, 8_000) for _ in range(30)] for _ in itertools.count())
    school = train.School(taught.Teachers(before, train.new_model()), told(), Drills(8_761, START, texts, rng))
    taken: list[tuple[str, int]] = []
    course = train.School.course

    def heard(self: train.School, model: torch.nn.Module, plan: lessons.Plan) -> float:
        name = next(one for one in courses if getattr(train, one) is plan)
        taken.append((name, model.config.num_attention_heads))
        return course(self, model, plan)

    monkeypatch.setattr(train.School, "course", heard)
    copy, seconds = school.drilled()
    model, more = school.grown(copy)
    assert taken == [("BLOCKS", 4), ("PIECES", 4), ("HEADS", 6), ("TOGETHER", 6), ("ON", 6)]
    assert seconds > 0 and more > 0 and isinstance(model, MistralForCausalLM)
    assert model.config.rope_parameters == copy.config.rope_parameters == train.SLOWER
    assert all(
        torch.equal(one, other) for one, other in zip(before.parameters(), train.new_model().parameters(), strict=True)
    )
    assert not torch.equal(model.model.embed_tokens.weight, before.model.embed_tokens.weight), (
        "at last everything moves"
    )
    with torch.inference_mode():
        assert model(torch.tensor([[2, 7, 8]])).logits.isfinite().all()
