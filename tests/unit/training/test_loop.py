"""The one loop of all trainings: the same steps as loops written out by hand, and what it does in between."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from attnviz.systems.hierarchical.network import Dropped, Network
from attnviz.systems.hierarchical.network import Shape as Sizes
from attnviz.systems.translation.network import Shape, Translator
from attnviz.training import loop, sentences
from attnviz.training.batches import batches, blank
from attnviz.training.corpus import Marked, build_tokenizer, mark
from attnviz.training.documents import Split
from attnviz.training.gpt import train as gpt
from attnviz.training.hierarchical import data as documents
from attnviz.training.hierarchical import train as hierarchical
from attnviz.training.lab import train as lab
from attnviz.training.recipe import Recipe
from attnviz.training.translation import data as pairs
from attnviz.training.translation import train as translation

CHINESE = ("南京市在长江边上。", "长江大桥很长。", "他是南京市的市长。", "我们在大桥上看长江。", "我们的市长很好。")
ENGLISH = ("The bridge over the river is long.", "He was born in London.", "We saw the long river.")
TINY = Recipe(heads=2, layers=2, width=16, inner=32, steps=6, tokens_a_step=256, masked_a_step=16, warm_up=2)
Loss = list[float]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer(CHINESE * 2, ENGLISH)


@pytest.fixture(scope="module")
def languages(tokenizer: PreTrainedTokenizerFast) -> list[list[Marked]]:
    return [mark(CHINESE, "zh", tokenizer), mark(ENGLISH, "en", tokenizer)]


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> Loss:
    """What every loss was on which `backward` is called."""
    seen: Loss = []
    backward = Tensor.backward

    def noted(self: Tensor, *args: Any, **kwargs: Any) -> None:
        seen.append(self.item())
        backward(self, *args, **kwargs)

    monkeypatch.setattr(Tensor, "backward", noted)
    return seen


def by_hand(parameters: list[nn.Parameter], chosen: list[torch.optim.Optimizer], loss: Tensor, rate: float) -> float:
    """One step as each training wrote it out for itself before there was one loop."""
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    for optimiser in chosen:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad()
    return loss.item()


def optimisers(model: nn.Module, rest: list[nn.Parameter], recipe: Recipe) -> list[torch.optim.Optimizer]:
    inside = [p for name, p in model.named_parameters() if ".layers." in name and p.ndim == 2]
    own = {id(p) for p in inside}
    others = [p for p in [*model.parameters(), *rest] if id(p) not in own]
    decay = recipe.weight_decay
    return [
        torch.optim.Muon(inside, lr=recipe.rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=decay, fused=True),
    ]


def rate(step: int, recipe: Recipe) -> float:
    if step < recipe.warm_up:
        return recipe.rate * ((step + 1) / recipe.warm_up)
    return recipe.rate * (0.5 * (1 + math.cos(math.pi * (step - recipe.warm_up) / (recipe.steps - recipe.warm_up))))


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    """Equal but for float16's last place, in which one of the two was written."""
    for name, tensor in first.items():
        torch.testing.assert_close(tensor.float(), second[name].half().float(), atol=0, rtol=1e-3)  # worst seen 0


def test_lab_descends_as_written_out_by_hand(
    losses: Loss, languages: list[list[Marked]], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    lab.train(TINY, languages, tokenizer, tmp_path, compiled=False)
    found = losses.copy()
    torch.manual_seed(TINY.seed)
    rng, ids = np.random.default_rng(TINY.seed), tokenizer.get_vocab()
    model, boundary = lab.new_model(TINY, tokenizer), nn.Linear(TINY.width, 2)
    head = list(boundary.parameters())
    chosen, source, expected = optimisers(model, head, TINY), batches(languages, TINY, ids), []
    for number in range(TINY.steps):
        step = blank(next(source), TINY, ids, rng)
        arrays = {**asdict(step.rows), "blanks": step.blanks, "targets": step.targets}
        with torch.autocast("cpu", dtype=torch.bfloat16):
            parts = lab.losses(model, boundary, {name: torch.from_numpy(array) for name, array in arrays.items()})
        whole = parts["loss"] + TINY.boundary_share * parts["boundary"]
        expected.append(by_hand([*model.parameters(), *head], chosen, whole, rate(number, TINY)))
    assert found == pytest.approx(expected, abs=1e-6)  # worst seen 0
    same(load_file(tmp_path / "model.safetensors"), model.state_dict())
    same(load_file(tmp_path / "word_boundary.safetensors"), boundary.state_dict())


def test_gpt_descends_as_written_out_by_hand(
    losses: Loss, languages: list[list[Marked]], tokenizer: PreTrainedTokenizerFast, tmp_path: Path
) -> None:
    opened = gpt.opened(tokenizer)
    gpt.train(TINY, languages, opened, tmp_path)
    found = losses.copy()
    torch.manual_seed(TINY.seed)
    model = gpt.new_model(TINY, opened)
    chosen, source, expected = optimisers(model, [], TINY), batches(languages, TINY, opened.get_vocab()), []
    for number in range(TINY.steps):
        rows = next(source)
        arrays = {**asdict(rows), "targets": sentences.targets(rows)}
        with torch.autocast("cpu", dtype=torch.bfloat16):
            whole = sentences.loss(model, {name: torch.from_numpy(array) for name, array in arrays.items()})
        expected.append(by_hand(list(model.parameters()), chosen, whole, rate(number, TINY)))
    assert found == pytest.approx(expected, abs=1e-6)  # worst seen 0
    same(load_file(tmp_path / "model.safetensors"), model.state_dict())


@pytest.mark.parametrize("attention", [True, False])
def test_translation_descends_as_written_out_by_hand_and_keeps_the_mean(losses: Loss, attention: bool) -> None:
    recipe = translation.Recipe(epochs=2, pairs_a_step=8, warm_up=3)
    made = [pairs.Pair(f"{ENGLISH[i % 3]} {i}", f"{CHINESE[i % 5]}{i}", "") for i in range(33)]
    zh, en = (pairs.vocabulary(name, [one.of(name) for one in made], 200) for name in ("zh", "en"))
    texts = pairs.coded(made, zh, en)
    shape = Shape(len(zh), len(en), attention=attention, embedding=16, encoder=12, decoder=14, inner=10)
    mean, _ = translation.train(recipe, shape, texts[:26], texts[26:])
    found = losses.copy()

    torch.manual_seed(recipe.seed)
    rng, network, steps, expected = random.Random(recipe.seed), Translator(shape), 2 * 4, []
    kept = copy.deepcopy(network).eval()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda n: min((n + 1) / recipe.warm_up, max(0.02, 1 - n / steps))
    )
    for _ in range(recipe.epochs):
        for batch in pairs.batches(texts[:26], recipe.pairs_a_step, rng):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                value = translation.loss(network, batch, recipe, recipe.smoothing)
            rate_now = optimiser.param_groups[0]["lr"]
            expected.append(by_hand(list(network.parameters()), [optimiser], value, rate_now))
            falling.step()
            share = min(recipe.averaged, len(expected) / (len(expected) + 10))
            with torch.no_grad():
                for old, new in zip(kept.parameters(), network.parameters(), strict=True):
                    old.copy_(share * old + (1 - share) * new)
    assert len(found) == steps and found == pytest.approx(expected, abs=1e-6)  # worst seen 0
    for old, new in zip(mean.parameters(), kept.parameters(), strict=True):
        torch.testing.assert_close(old, new, atol=1e-6, rtol=0)  # worst seen 3e-8
    assert not mean.training


def reviews() -> Split[documents.Read]:
    rng = random.Random(0)
    made = [[[rng.randint(1 + 4 * (n % 2), 8) for _ in range(5)] for _ in range(3)] for n in range(50)]
    labels = [n % 2 for n in range(50)]
    return Split(made[:33], made[33:42], made[42:], classes=(labels[:33], labels[33:42], labels[42:]))


def test_hierarchical_descends_as_written_out_by_hand_and_keeps_the_best_epoch(losses: Loss) -> None:
    recipe = replace(documents.RECIPES["han-reviews"], embedding=8, hidden=6, compared=6, epochs=3)
    split, vectors = reviews(), torch.randn(9, 8, generator=torch.Generator().manual_seed(1))
    learnt, found = hierarchical.learn(3, recipe, split, 9, vectors), losses.copy()

    torch.manual_seed(3)
    rng = np.random.default_rng(3)
    dropped = Dropped(recipe.drop_words, recipe.drop_embedding, recipe.drop_hidden)
    network = Network(Sizes(9, 8, 6, 6, 2), dropped)
    with torch.no_grad():
        network.embedding.weight.copy_(vectors)
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.rate, weight_decay=recipe.decay, fused=True)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 3 * 3)
    expected, epochs = [], []
    for _ in range(recipe.epochs):
        network.train()
        for batch in documents.batches(split.training, split.training_classes, recipe, rng):
            scores = network(batch.ids, batch.lengths, batch.counts)
            value = F.cross_entropy(scores, batch.classes, label_smoothing=recipe.smoothing)
            rate_now = optimiser.param_groups[0]["lr"]
            expected.append(by_hand(list(network.parameters()), [optimiser], value, rate_now))
            falling.step()
        accuracy, nats = hierarchical.told(network, split.validation, split.validation_classes)
        epochs.append((nats, accuracy, copy.deepcopy(network.state_dict())))
    assert found == pytest.approx(expected, abs=1e-6)  # worst seen 0
    best = min(range(3), key=lambda epoch: epochs[epoch][0])
    assert (learnt.seed, learnt.epoch, learnt.accuracy) == (3, best, epochs[best][1])
    assert learnt.loss == pytest.approx(epochs[best][0], abs=1e-6)
    for name, tensor in epochs[best][2].items():
        torch.testing.assert_close(learnt.state[name], tensor, atol=1e-6, rtol=0)


# what happens between the steps


def line(
    steps: int, *after: loop.Every, counts: dict[str, float] | None = None, **cut: float
) -> tuple[nn.Parameter, list[int]]:
    """A number that goes down its own slope by 0.5 a step; and which batches were drawn."""
    number, drawn = nn.Parameter(torch.tensor(4.0)), list[int]()

    def source() -> Iterator[int]:
        while True:
            drawn.append(len(drawn))
            yield drawn[-1]

    learner = loop.Learner([number], [torch.optim.SGD([number], lr=1.0)], **cut)
    course = loop.Course(steps, 0.5, lambda step: 1.0, counts or {})
    loop.train(learner, source(), lambda batch: {"loss": number * 1, "other": number * 0}, course, *after)
    return number, drawn


def test_no_batch_is_drawn_that_is_not_used() -> None:
    number, drawn = line(3)
    assert drawn == [0, 1, 2] and number.item() == pytest.approx(4 - 3 * 0.5, abs=1e-5)  # the cut adds 1e-6


def test_a_part_of_the_loss_counts_as_said() -> None:
    assert line(2, counts={"loss": 0.5})[0].item() == 4 - 2 * 0.25
    assert loop.total({"a": torch.tensor(2.0), "b": torch.tensor(3.0)}, {"b": 10.0}).item() == 32


def test_a_gradient_longer_than_1_is_cut_to_1() -> None:
    assert line(1, counts={"loss": 8.0})[0].item() == pytest.approx(3.5, abs=1e-5)  # the rate is 0.5


def test_a_gradient_is_cut_to_another_length_where_one_is_named() -> None:
    assert line(1, counts={"loss": 8.0}, longest=0.25)[0].item() == pytest.approx(4 - 0.5 * 0.25, abs=1e-5)


@pytest.mark.parametrize(("last", "expected"), [(False, [2, 4]), (True, [2, 4, 5])])
def test_what_is_due_is_done_every_so_many_steps_and_on_request_after_the_last(last: bool, expected: list[int]) -> None:
    seen: list[int] = []
    line(5, loop.Every(2, lambda now: seen.append(now.step), last=last))
    assert seen == expected


def test_said_losses_are_a_running_mean(capsys: pytest.CaptureFixture[str]) -> None:
    line(3, loop.say(3, "it"))
    assert capsys.readouterr().out == f"it step 3 loss {(4 + 3.5 + 3) / 3:.3f} other 0.000 0 s\n"


def test_the_best_is_kept_as_it_was_then() -> None:
    network, best = nn.Linear(1, 1, bias=False), loop.Best()
    for step, value in enumerate((3.0, 1.0, 1.0, 2.0)):
        nn.init.constant_(network.weight, step)
        best.offer(network, value, step=step)
    assert (best.value, best.facts, best.state["weight"].item()) == (1.0, {"step": 1}, 1.0)


def test_cosine_without_warm_up_is_that_of_torch() -> None:
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    falling, found = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 7), []
    for _ in range(7):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        falling.step()
    assert [partial(loop.cosine, steps=7)(step) for step in range(7)] == pytest.approx(found, abs=1e-12)


def test_rate_warms_up_and_falls_no_lower_than_its_last_share() -> None:
    shares = [loop.straight(step, steps=1_000, warm_up=100, last=0.03) for step in range(1_000)]
    assert shares[49] == 0.5 and shares[500] == 0.5 and shares[-1] == 0.03
    assert all(0 < one <= 1 for one in shares)


def small() -> nn.ModuleList:
    """A small network: one matrix that goes by Muon, the others by AdamW."""
    inside = nn.ModuleDict({"layers": nn.Linear(5, 5)})
    return nn.ModuleList([nn.Linear(6, 5), inside, nn.Linear(5, 3)])


def walked(file: Path, steps: int) -> tuple[list[Tensor], list[float], float]:
    """A small network's numbers after some steps of a course of eight, what was lost at each, and the last mean."""
    torch.manual_seed(4)
    network = small()
    lost, means = list[float](), list[float]()
    drawn = torch.Generator().manual_seed(5)
    batches = iter(lambda: torch.randn(7, 6, generator=drawn), None)

    def losses(batch: Tensor) -> dict[str, Tensor]:
        seen = network[0](batch + 0.1 * torch.randn(batch.shape)).tanh()  # random numbers of its own
        found = network[2](network[1]["layers"](seen)).square().mean()
        lost.append(found.item())
        return {"loss": found}

    course = loop.Course(steps, 0.05, partial(loop.cosine, steps=8))
    hear = loop.Every(1, lambda now: means.append(now.losses["loss"]))
    learner = loop.muon(network, rate=0.05, decay=0.01, float32=True)
    average = loop.Average.of(network, 0.9)
    kept = loop.Kept(file, every=3, beside=(average.mean,))
    loop.train(learner, batches, losses, course, hear, loop.Every(1, average.move), kept=kept)
    return [one.detach().clone() for part in (network, average.mean) for one in part.parameters()], lost, means[-1]


def test_a_training_that_was_cut_off_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, lost, mean = walked(tmp_path / "whole.pt", 8)
    assert len(walked(tmp_path / "cut.pt", 5)[1]) == 5 and torch.load(tmp_path / "cut.pt")["step"] == 3
    again, later, later_mean = walked(tmp_path / "cut.pt", 8)
    assert later == lost[3:] and later_mean == mean
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))


def test_a_new_course_begins_with_the_numbers_that_an_earlier_one_kept(tmp_path: Path) -> None:
    ended = walked(tmp_path / "first.pt", 6)[0]
    network = small()
    learner = loop.muon(network, rate=0.05, decay=0.01, float32=True)
    average = loop.Average.of(network, 0.9)
    loop.Kept(tmp_path / "first.pt", beside=(average.mean,)).start(learner)
    begun = [one.detach() for part in (network, average.mean) for one in part.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(ended, begun, strict=True))
    assert not any(one.state_dict()["state"] for one in learner.optimisers)
