"""The hierarchical networks against Yang et al. 2016 written out in plain loops, in float64, on the trained weights."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch

from attnviz.core.rules import Argmax, Rule, Soft, Sparsemax, TopK
from attnviz.systems.hierarchical.network import Level
from attnviz.systems.hierarchical.system import NAMES, Hierarchical, colour, load
from attnviz.training.hierarchical.data import gathered

TEXTS = {
    "han-reviews": "The plot is thin.\nBut what a wonderful, moving performance!\nI would see it again.",
    "han-topics": "你知道故宫吗？\n知道，门票六十元，\n我想去看看，里面有很多展览。",
}
Vector = list[float]


def exact(name: str) -> Hierarchical:
    """The trained network in float64."""
    system = load(name)
    return replace(system, network=copy.deepcopy(system.network).double())


def affine(matrix: list[Vector], bias: Vector, x: Vector) -> Vector:
    return [sum(w * value for w, value in zip(row, x, strict=True)) + b for row, b in zip(matrix, bias, strict=True)]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def gru(level: Level, rows: list[Vector], way: str) -> list[Vector]:
    """One direction of a GRU (Cho et al. 2014; the gates in torch's order: reset, update, new)."""
    named = {name: tensor.tolist() for name, tensor in level.gru.named_parameters()}
    w_in, w_own, b_in, b_own = (named[f"{part}_l0{way}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    size = len(w_own[0])
    h, found = [0.0] * size, []
    for x in rows:
        into, own = affine(w_in, b_in, x), affine(w_own, b_own, h)
        reset = [sigmoid(into[n] + own[n]) for n in range(size)]
        update = [sigmoid(into[size + n] + own[size + n]) for n in range(size)]
        new = [math.tanh(into[2 * size + n] + reset[n] * own[2 * size + n]) for n in range(size)]
        h = [(1 - update[n]) * new[n] + update[n] * h[n] for n in range(size)]
        found.append(h)
    return found


def level(own: Level, rows: list[Vector]) -> tuple[Vector, Vector]:
    """Equations 5-7 (or 8-10): the weights over the rows, and what they take out."""
    forward, back = gru(own, rows, ""), gru(own, rows[::-1], "_reverse")[::-1]
    states = [a + b for a, b in zip(forward, back, strict=True)]
    matrix, bias, context = own.project.weight.tolist(), own.project.bias.tolist(), own.context.tolist()
    scores = []
    for h in states:
        u = [math.tanh(value) for value in affine(matrix, bias, h)]
        scores.append(sum(a * b for a, b in zip(u, context, strict=True)))
    total = sum(math.exp(score) for score in scores)
    weights = [math.exp(score) / total for score in scores]
    return weights, [sum(w * h[n] for w, h in zip(weights, states, strict=True)) for n in range(len(states[0]))]


@pytest.mark.parametrize("name", NAMES)
def test_weights_vectors_and_prediction_are_those_of_the_paper(name: str) -> None:
    system = exact(name)
    network, trace = system.network, system.read(TEXTS[name])
    found = [
        level(network.words, network.embedding.weight[list(row)].tolist()) for row in system.pieces(TEXTS[name]).ids
    ]
    start = 0
    for number, (weights, vector) in enumerate(found):
        expected = torch.zeros(len(trace.key_tokens), dtype=torch.float64)
        expected[start : start + len(weights)] = torch.tensor(weights, dtype=torch.float64)
        start += len(weights)
        torch.testing.assert_close(trace.attention(0, 0).weights[number], expected, atol=1e-12, rtol=0)  # seen 2e-16
        torch.testing.assert_close(trace.outputs[number], torch.tensor(vector, dtype=torch.float64), atol=1e-12, rtol=0)
    weights, vector = level(network.sentences, [vector for _, vector in found])
    above = trace.map("sentences")
    torch.testing.assert_close(
        above.attention(0, 0).weights[0], torch.tensor(weights, dtype=torch.float64), atol=1e-12, rtol=0
    )
    scores = affine(network.classify.weight.tolist(), network.classify.bias.tolist(), vector)
    assert above.logits is not None
    torch.testing.assert_close(above.logits[0], torch.tensor(scores, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_colour_is_word_weight_times_sentence_weight(name: str) -> None:
    trace = load(name).read(TEXTS[name])
    words, sentences = trace.weights(0, 0).tolist(), trace.map("sentences").weights(0, 0)[0].tolist()
    coloured, place = colour(trace), 0
    for number, one in enumerate(coloured):
        assert one.weight == pytest.approx(sentences[number])
        for span, product in zip(one.words, one.products, strict=True):
            assert trace.keys.spans[place] == span
            assert product == pytest.approx(words[number][place] * sentences[number], abs=1e-9)
            place += 1
    assert place == len(trace.key_tokens)
    assert sum(product for one in coloured for product in one.products) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_padded_training_batches_give_what_reading_gives(name: str) -> None:
    """Documents of other lengths beside it in the batch change nothing: the same two levels, padded or not."""
    system = exact(name)
    texts = [TEXTS[name], TEXTS[name].split("\n")[1], "\n".join([TEXTS[name]] * 3)]
    documents = [[list(row) for row in system.pieces(text).ids] for text in texts]
    batch = gathered(documents, [0, 0, 0], longest=1_000)
    together = system.network(batch.ids, batch.lengths, batch.counts)
    for number, text in enumerate(texts):
        torch.testing.assert_close(together[number], system.read(text).map("sentences").logits[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("rule", [TopK(1), Argmax(), Sparsemax(), Soft(0.5)], ids=str)
def test_the_rule_acts_in_both_levels_while_computing(rule: Rule) -> None:
    system = exact("han-reviews")
    trace = system.read(TEXTS["han-reviews"], rule)
    plain = system.read(TEXTS["han-reviews"])
    below, above = trace.attention(0), trace.map("sentences").attention(0)
    torch.testing.assert_close(below.weights, rule.weigh(plain.attention(0).scores))
    torch.testing.assert_close(below.output[0], trace.outputs)
    torch.testing.assert_close(trace.outputs, (below.weights @ below.values)[0])
    assert not torch.allclose(trace.outputs, plain.outputs)
    states = system.network.sentence_states(trace.outputs[None], torch.tensor([3]))
    keys = torch.tanh(system.network.sentences.project(states))[0]
    weights = rule.weigh((keys @ system.network.sentences.context)[None])
    torch.testing.assert_close(above.weights[0], weights)
    torch.testing.assert_close(trace.map("sentences").logits, system.network.classified(weights @ states[0]))
