"""What the second course of lab-long is held to: teachers where they know, the texts, and what stood before."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

from attnviz.training.long import taught
from attnviz.training.long.drills import Drills, Row, Running
from attnviz.training.long.lessons import Lesson
from attnviz.training.sentences import NO_TARGET
from tests.unit.training.long.rows import START

SIZE, SHARE = 60, 0.7


def network(seed: int) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=SIZE, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24
    )
    model = LlamaForCausalLM(config).float().eval()
    for parameter in model.parameters():
        parameter.data *= 8  # far from one that knows nothing
    return model


def shares(model: LlamaForCausalLM, ids: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return model(ids).logits.double().log_softmax(-1)


def short() -> Iterator[list[int]]:
    rng = random.Random(1)
    return ([rng.randrange(5, SIZE) for _ in range(30)] for _ in itertools.count())


def test_what_is_taught_is_the_divergence_from_the_teacher_and_the_token() -> None:
    found, known = torch.randn(2, 7, 9).unbind()
    wanted = torch.randint(0, 9, (7,))
    p, q = known.double().softmax(-1), found.double().log_softmax(-1)
    away = (p * (p.log() - q)).sum(-1).mean()
    told = -q[range(7), wanted].mean()
    expected = SHARE * away + (1 - SHARE) * told
    assert taught.taught(found, known, wanted, SHARE).item() == pytest.approx(expected.item(), rel=1e-5)
    same = taught.taught(known, known, wanted, SHARE)
    assert same.item() == pytest.approx((1 - SHARE) * F.cross_entropy(known, wanted).item(), rel=1e-5)


def test_copies_in_a_text_are_no_teachers() -> None:
    """The loss of new tokens by the teacher, that of copies by themselves, each written out by hand."""
    model, teacher = network(0), network(1)
    ids = torch.randint(5, SIZE, (2, 20))
    copied = torch.zeros(2, 20, dtype=torch.bool)
    copied[0, 8:14] = True
    found, known = shares(model, ids)[:, :-1], shares(teacher, ids)[:, :-1]
    told = -found.gather(-1, ids[:, 1:, None])[..., 0]
    away = (known.exp() * (known - found)).sum(-1)
    new, copies = ~copied[:, 1:], copied[:, 1:]
    expected = SHARE * away[new].mean() + (1 - SHARE) * told[new].mean()
    expected = expected + taught.COPY * told[copies].mean()
    row = Running(ids, copied)
    assert taught.of_texts(model, teacher, row, SHARE).item() == pytest.approx(expected.item(), rel=1e-4)
    none = Running(ids, torch.zeros_like(copied))
    expected = SHARE * away.mean() + (1 - SHARE) * told.mean()
    assert taught.of_texts(model, teacher, none, SHARE).item() == pytest.approx(expected.item(), rel=1e-4)


def test_only_so_many_tokens_of_a_text_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taught, "MOST", 5)
    seen: list[int] = []
    model, teacher = network(0), network(1)
    model.lm_head.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    taught.of_texts(
        model, teacher, Running(torch.randint(5, SIZE, (1, 40)), torch.zeros(1, 40, dtype=torch.bool)), SHARE
    )
    assert seen == [5]


def test_a_drill_is_told_where_it_asks() -> None:
    model, ids = network(0), torch.randint(5, SIZE, (2, 12))
    targets = torch.full((2, 12), NO_TARGET)
    targets[0, 5], targets[1, 9] = ids[0, 6], ids[1, 10]
    found = shares(model, ids)
    expected = -(found[0, 5, ids[0, 6]] + found[1, 9, ids[1, 10]]) / 2
    assert taught.of_drill(model, Row(ids, targets)).item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(("kind", "told"), [("first", False), ("first", True), ("near", True), ("far", True)])
def test_a_step_has_its_parts_and_leaves_the_teachers_alone(kind: str, told: bool) -> None:
    model, (texts, sentences) = network(0), (network(1).requires_grad_(False), network(2).requires_grad_(False))
    drills = Drills(SIZE, START, short(), random.Random(2))
    text = torch.tensor([[1, 1, 1, 2, 2, 0]])
    ids = torch.randint(5, SIZE, (1, 6))
    targets = torch.where(torch.tensor([[True, True, False, True, False, False]]), ids.roll(-1, 1), NO_TARGET)
    batch = {"ids": ids, "positions": torch.tensor([[0, 1, 2, 0, 1, 0]]), "text": text, "targets": targets}
    drill = drills.far(200) if kind == "far" else drills.near(2, 64)
    lesson = Lesson(drills.running(1, 64), batch if told else None, drill, kind)
    with torch.autocast("cpu", dtype=torch.bfloat16):  # as the course has it
        parts = taught.losses(model, taught.Teachers(texts, sentences), SHARE, lesson)
    assert list(parts) == ["texts", *["sentences"] * told, kind]
    sum(parts.values()).backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in model.parameters() if one.ndim == 2)
    assert all(one.grad is None for teacher in (texts, sentences) for one in teacher.parameters())


def test_sentences_are_told_from_their_own_tokens() -> None:
    model, teacher = network(0), network(1)
    ids, text = torch.randint(5, SIZE, (1, 6)), torch.tensor([[1, 1, 1, 2, 2, 0]])
    targets = torch.full((1, 6), NO_TARGET)
    targets[0, 3] = ids[0, 4]  # of the second sentence the first token, of which nothing stands before
    batch = {"ids": ids, "positions": torch.tensor([[0, 1, 2, 0, 1, 0]]), "text": text, "targets": targets}

    def told(first: int) -> float:
        changed = ids.clone()
        changed[0, :3] = first
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return taught.of_sentences(model, teacher, {**batch, "ids": changed}, SHARE).item()

    alone = ids[:, 3:4]
    found, known = shares(model, alone)[0, 0], shares(teacher, alone)[0, 0]
    away = (known.exp() * (known - found)).sum()
    expected = SHARE * away - (1 - SHARE) * found[ids[0, 4]]
    assert told(7) == told(9) == pytest.approx(expected.item(), rel=0.05)  # bfloat16
