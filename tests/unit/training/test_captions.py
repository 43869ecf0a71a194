"""How the captioner learns: what is kept from it, and REINFORCE against the exact gradient of every place counted."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
import torch
from torch import Tensor

from attnviz.shipped import WEIGHTS, figures, recipe
from attnviz.systems import captions
from attnviz.systems.captions.names import ALONE, THINGS
from attnviz.systems.captions.network import Captioner, Shape
from attnviz.systems.captions.scene import Put, Scene
from attnviz.systems.captions.text import END, WORDS
from attnviz.training.captions import card
from attnviz.training.captions.data import (
    NAMES,
    PARTS,
    Batch,
    apart,
    held_out,
    inside,
    part,
    training_scene,
)
from attnviz.training.captions.hard import Baseline, hard_losses, surrogate
from attnviz.training.captions.measure import bleu, forced, free, seen, word_f1
from attnviz.training.captions.train import soft_losses

DRAWINGS = torch.randint(
    0, 256, (len(THINGS), 3, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
)


def tiny(seed: int = 0) -> Captioner:
    torch.manual_seed(seed)
    return Captioner(Shape(len(WORDS), channels=(4, 6, 8, 8), annotation=8, embedding=6, state=10, inner=5, hint=3))


def scenes(count: int) -> list[Scene]:
    random = Random(1)
    return [training_scene(random) for _ in range(count)]


# what is kept


def test_no_held_out_scene_may_be_trained_on() -> None:
    for name in PARTS:
        assert all(part(one) == name for one in held_out(name, 40))
    assert all(part(one) is None for one in scenes(300))


def test_what_is_seen_alone_is_trained_on_alone() -> None:
    shown = scenes(600)
    assert not any(set(ALONE) & {put.name for put in one.things} for one in shown if len(one.things) > 1)
    assert {put.name for one in shown if len(one.things) == 1 for put in one.things} & set(ALONE)
    assert all(set(ALONE) & {put.name for put in one.things} and len(one.things) > 1 for one in held_out("alone", 40))


def test_pairs_kept_apart_never_stand_in_one_scene() -> None:
    kept = {pair for pair in combinations(sorted(set(NAMES) - set(ALONE)), 2) if apart(pair)}
    assert 0.12 < len(kept) / (72 * 71 / 2) < 0.165  # one in seven
    for one in scenes(600):
        assert not any(tuple(sorted(pair)) in kept for pair in combinations([put.name for put in one.things], 2))
    for one in held_out("pairs", 40):
        assert any(tuple(sorted(pair)) in kept for pair in combinations([put.name for put in one.things], 2))


def test_what_is_kept_does_not_hang_on_the_order_of_the_things() -> None:
    for one in held_out("new", 20):
        assert part(Scene(tuple(reversed(one.things)))) == "new"


def test_held_out_scenes_are_the_same_each_time() -> None:
    assert held_out("new", 10) == held_out("new", 10) and held_out("new", 10) != held_out("new", 10, seed=5)


def test_a_batch_has_each_sentence_from_its_language_to_its_end() -> None:
    mine = scenes(6)
    batch = Batch.of(mine, DRAWINGS)
    for number, language in enumerate(("zh", "en")):
        for at, one in enumerate(mine):
            row, real = batch.words[6 * number + at], batch.real[6 * number + at]
            words = [WORDS[int(word)] for word in row[real]]
            assert words == [f"<{language}>", *(word.text for word in one.sentence(language)), "</s>"]
            assert (row[~real] == END).all()
    assert torch.equal(batch.pictures[2], mine[2].drawn(DRAWINGS))


def test_the_share_inside_is_the_mean_over_naming_words() -> None:
    one = Scene((Put("cat", 0, 0), Put("dog", 40, 40)))
    batch = Batch.of([one], DRAWINGS)
    weights = torch.zeros(2, batch.words.shape[1] - 1, 64)
    for text, language in enumerate(("zh", "en")):
        for place, word in enumerate(one.sentence(language)):
            if word.of == 0:
                weights[text, place, 0] = 1.0  # the cat's word looks at the cat, the dog's at its first pixel's place
            if word.of == 1:
                weights[text, place, 0], weights[text, place, 63] = 0.75, 0.25
    assert float(inside(weights, batch)) == pytest.approx((1 + 0.25) / 2)


# REINFORCE


def exact(scores: Tensor, likelihood: Tensor, entropy: float) -> Tensor:
    """The gradient with respect to the scores of E[log p(y | place)] + entropy x H, all places counted, by hand."""
    weights = scores.softmax(-1)
    mean = (weights * likelihood).sum(-1, keepdim=True)
    spread = -(weights * weights.log()).sum(-1, keepdim=True)
    return weights * (likelihood - mean) - entropy * weights * (weights.log() + spread)


@pytest.mark.parametrize("expected", [0.0, -1.3])
def test_the_estimate_is_right_on_average_over_all_places(expected: float) -> None:
    """Every place drawn in turn and weighed by its probability: no chance is left in it."""
    torch.manual_seed(4)
    scores, likelihood = torch.randn(1, 5, dtype=torch.float64), -torch.rand(1, 5, dtype=torch.float64) * 4
    found = torch.zeros_like(scores)
    for place in range(5):
        asked = scores.clone().requires_grad_()
        drawn, baseline = torch.tensor([place]), torch.tensor([expected], dtype=torch.float64)
        parts = surrogate(asked.log_softmax(-1), likelihood[:, place], drawn, baseline, 0.3)
        (parts[1] + parts[2]).backward()
        assert asked.grad is not None
        found -= asked.grad * scores.softmax(-1)[0, place]
    torch.testing.assert_close(found, exact(scores, likelihood, 0.3))


def test_an_estimate_from_many_draws_comes_near_and_a_baseline_steadies_it() -> None:
    torch.manual_seed(6)
    scores, likelihood = torch.randn(1, 6, dtype=torch.float64), -3 - torch.rand(1, 6, dtype=torch.float64)
    wanted, count = exact(scores, likelihood, 0.0), 40_000
    found = {}
    for expected in (0.0, float((scores.softmax(-1) * likelihood).sum())):
        asked = scores.expand(count, -1).clone().requires_grad_()
        drawn = torch.distributions.Categorical(logits=asked.detach()).sample()
        chance = likelihood.expand(count, -1).gather(1, drawn[:, None])[:, 0]
        parts = surrogate(asked.log_softmax(-1), chance, drawn, torch.full_like(chance, expected), 0.0)
        parts[1].backward()
        assert asked.grad is not None
        estimates = -asked.grad * count
        found[expected] = estimates
        error = estimates.std(0) / count**0.5
        assert ((estimates.mean(0) - wanted[0]).abs() < 5 * error + 1e-9).all()
    without, with_baseline = (one.var(0).sum() for one in found.values())
    assert with_baseline < without / 10


def test_a_reward_moves_no_word_and_the_words_loss_no_weight() -> None:
    scores, likelihood = torch.randn(3, 4, requires_grad=True), -torch.rand(3, requires_grad=True)
    words, places, _ = surrogate(
        scores.log_softmax(-1), likelihood, torch.tensor([0, 1, 2]), torch.zeros(3), 0.1
    )  # fmt: skip
    assert torch.autograd.grad(words, scores, allow_unused=True, retain_graph=True) == (None,)
    assert torch.autograd.grad(places, likelihood, allow_unused=True) == (None,)


def test_the_baseline_is_a_moving_average_of_each_word() -> None:
    baseline = Baseline(4, kept=0.5)
    words = torch.tensor([1, 1, 2])
    assert baseline.expected(words).tolist() == [0.0, 0.0, 0.0]
    baseline.learn(words, torch.tensor([-2.0, -4.0, -1.0]))
    assert baseline.expected(torch.tensor([1, 2, 3])).tolist() == [-3.0, -1.0, -2.0]  # 3 was never met: the mean
    baseline.learn(torch.tensor([1]), torch.tensor([-1.0]))
    assert baseline.expected(torch.tensor([1, 2])).tolist() == [-2.0, -1.0]


def test_a_step_of_hard_attention_moves_every_part_of_the_network() -> None:
    network = tiny()
    batch, baseline = Batch.of(scenes(8), DRAWINGS), Baseline(len(WORDS))
    torch.manual_seed(1)
    hard_losses(network, baseline, 0.02, batch)
    parts = hard_losses(network, baseline, 0.02, batch)
    (parts["loss"] + parts["places"] + parts["spread"]).backward()
    assert all(one.grad is not None and float(one.grad.abs().sum()) > 0 for one in network.parameters())
    assert bool(baseline.met[WORDS.index("一")])


def test_soft_losses_are_the_cross_entropy_of_the_true_words() -> None:
    network, batch = tiny(), Batch.of(scenes(3), DRAWINGS)
    found = soft_losses(network, batch)
    total, count = 0.0, 0
    for text, row in enumerate(batch.words):
        annotations = network.read(batch.pictures[text % 3][None])
        state = network.first(annotations)
        for at in range(int(batch.real[text].sum()) - 1):
            state = network.states(row[None, at : at + 1], state)[:, 0]
            energies = network.similarity(state[None], annotations)[0, 0]
            seen = energies.softmax(-1) @ annotations[0]
            total -= float(network.logits(state[0], seen).log_softmax(-1)[row[at + 1]])
            count += 1
    assert float(found["loss"]) == pytest.approx(total / count, rel=1e-4)


# the figures


def test_free_writing_in_a_batch_is_writing_one_by_one() -> None:
    from attnviz.core.rules import Soft
    from attnviz.systems.captions.system import System

    network = tiny(3).eval()
    with torch.no_grad():
        for one in network.writer.parameters():
            one.mul_(3)
    system, mine = System("tiny", network.requires_grad_(False), DRAWINGS, "soft"), scenes(5)
    batch = Batch.of(mine, DRAWINGS)
    told = free(network, seen(network, batch), "zh", Soft())
    alone = [system.read(one, language="zh").encoded for one in mine]
    assert ["".join(one) for one in told] == [one.text for one in alone]


def test_forced_reading_looks_where_the_true_words_say() -> None:
    from attnviz.core.rules import Argmax

    network, batch = tiny().eval(), Batch.of(scenes(4), DRAWINGS)
    right, weights = forced(network, batch, seen(network, batch), Argmax())
    assert right.shape == batch.words[:, 1:].shape and weights.shape == (*right.shape, 64)
    assert ((weights == 1).sum(-1) == 1).all()


def test_word_f1_and_bleu_of_hand_worked_sentences() -> None:
    told, truth = [["a", "cat", "above", "a", "dog"]], [["a", "dog", "above", "a", "cat"]]
    assert word_f1(told, truth) == 1.0 and word_f1(truth, [["a"]]) == pytest.approx(2 / 6)
    assert bleu(truth, truth) == pytest.approx(100.0)
    # 5/5 words, 3 of 4 pairs ("cat above" is not there), no triple: smoothed 1/2/3 and 1/4/2, as sacrebleu has it
    assert bleu(told, truth) == pytest.approx(100 * (1 * 3 / 4 * (1 / 2) / 3 * (1 / 4) / 2) ** 0.25, rel=1e-6)


@pytest.mark.parametrize("name", captions.NAMES)
def test_a_shipped_card_is_what_its_command_writes_of_the_kept_figures(name: str) -> None:
    written = (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    assert written == card.card(name, figures(name), recipe(WEIGHTS / name))
