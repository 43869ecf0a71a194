"""target-words, its trained weights against plain loops in float64, and the figures of its card."""

from __future__ import annotations

import json
import math

import pytest
import torch

from attnviz.core.rules import Argmax, Rule, Soft, Sparsemax, TopK
from attnviz.errors import AttnvizError, TextError
from attnviz.shipped import WEIGHTS
from attnviz.systems.target.system import SIMILARITIES, WHOLE, TargetWords, load, states_of

TARGET, TEXT = "Where is the cat?", "狗在花园里睡觉，猫在屋顶上。"
FOLDER = WEIGHTS / "target-words"
Vector = list[float]


@pytest.fixture(scope="module")
def system() -> TargetWords:
    return load()


def dot(a: Vector, b: Vector) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


def through(matrix: torch.Tensor, vector: Vector) -> Vector:
    return [dot(row, vector) for row in matrix.double().tolist()]


def projected(net: torch.nn.Sequential, state: Vector) -> Vector:
    """The two layers of a projection, GELU between them, number by number."""
    inner = [x + b for x, b in zip(through(net[0].weight, state), net[0].bias.tolist(), strict=True)]
    inner = [0.5 * x * (1 + math.erf(x / math.sqrt(2))) for x in inner]
    return [x + b for x, b in zip(through(net[2].weight, inner), net[2].bias.tolist(), strict=True)]


def score(system: TargetWords, name: str, q: Vector, k: Vector) -> float:
    """The similarity of one query and one key, with its scale, by its formula."""
    look = system.looks[name]
    if name == "dot":
        return dot(q, k)
    if name == "scaled":
        return dot(q, k) / math.sqrt(64)
    if name == "general":
        return dot(through(look.weight.T, q), k)
    if name == "cosine":
        return math.exp(look.log_scale.item()) * dot(q, k) / math.sqrt(dot(q, q) * dot(k, k))
    hidden = zip(through(look.query_weight, q), through(look.key_weight, k), look.vector.tolist(), strict=True)
    return math.fsum(v * math.tanh(a + b) for a, b, v in hidden)


@pytest.mark.parametrize("name", SIMILARITIES)
def test_weights_and_output_are_what_plain_loops_give(system: TargetWords, name: str) -> None:
    """From the reader's states on. Worst gap seen: see the tolerance."""
    trace = system.look(TARGET, TEXT, similarity=name)
    look = system.looks[name]
    texts = (trace.encoded.ids, trace.looked_at.ids)  # type: ignore[union-attr]
    asks, says = (states_of(system.reader, torch.tensor([ids]), system.states)[0].double() for ids in texts)
    keys, values = ([projected(net, state) for state in says.tolist()] for net in (look.key, look.value))
    rows = {2: asks[2].tolist(), len(asks): asks.mean(0).tolist()}
    for row, state in rows.items():
        scores = [score(system, name, projected(look.query, state), key) for key in keys]
        powers = [math.exp(s - max(scores)) for s in scores]
        weights = [power / math.fsum(powers) for power in powers]
        output = [math.fsum(w * value[i] for w, value in zip(weights, values, strict=True)) for i in range(64)]
        torch.testing.assert_close(trace.weights(0, 0)[row], torch.tensor(weights), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(trace.outputs[row], torch.tensor(output), atol=1e-3, rtol=1e-3)


def test_queries_are_the_targets_tokens_and_their_mean_keys_the_texts(system: TargetWords) -> None:
    trace = system.look(TARGET, TEXT)
    assert trace.tokens == ["Where", "is", "the", "cat", "?", WHOLE] and trace.part == "cross"
    assert "".join(trace.key_tokens) == TEXT and trace.weights(0).shape == (1, 6, 14)
    assert system.look("dog", TEXT).tokens == ["dog"], "a mean of one token would say the same again"
    asked = trace.attention(0, 0).queries
    assert not torch.allclose(asked[-1], asked[:-1].mean(0)), "the mean is of the states, not of the queries"


@pytest.mark.parametrize("rule", [Argmax(), TopK(2), Sparsemax()])
@pytest.mark.parametrize("name", SIMILARITIES)
def test_a_rule_acts_in_the_run(system: TargetWords, name: str, rule: Rule) -> None:
    soft, hard = system.look(TARGET, TEXT, similarity=name), system.look(TARGET, TEXT, similarity=name, rule=rule)
    found = hard.attention(0, 0)
    wanted = rule.weigh(soft.scores(0, 0))
    torch.testing.assert_close(found.weights, wanted)
    torch.testing.assert_close(hard.outputs, wanted @ found.values, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(soft.outputs, hard.outputs)


@pytest.mark.parametrize("name", SIMILARITIES)
@pytest.mark.parametrize(
    ("target", "text", "found"),
    [
        ("dog", TEXT, "狗"),
        ("teacher", "我的老师昨天在学校给了我一本书。", "老师"),
        ("yesterday", "我的老师昨天在学校给了我一本书。", "昨天"),
        ("书", "My teacher bought a book at school.", "book"),
        ("water", "他去学校了。我想喝水。火车几点开？", "水"),
    ],
)
def test_plain_words_are_found_in_the_other_language(
    system: TargetWords, name: str, target: str, text: str, found: str
) -> None:
    trace = system.look(target, text, similarity=name)
    assert trace.key_tokens[int(trace.weights(0, 0)[0].argmax())] in found


@pytest.mark.parametrize("name", SIMILARITIES)
def test_the_output_of_a_word_that_was_found_means_that_word(system: TargetWords, name: str) -> None:
    output = system.look("teacher", "我的老师昨天在学校给了我一本书。", similarity=name).outputs[0]
    found = system.nearest(output, similarity=name, language="en")
    assert "teacher" in [word for word, _ in found[:3]]
    values = [cosine for _, cosine in system.nearest(output, similarity=name)]
    assert values == sorted(values, reverse=True) and all(-1 <= value <= 1 for value in values)
    assert system.nearest(torch.zeros(64), similarity=name) == []


@pytest.mark.parametrize(("target", "text"), [("", "x"), ("  ", "x"), ("x", ""), ("x", "\n"), ("\u200b", "x")])
def test_what_cannot_be_read_is_refused(system: TargetWords, target: str, text: str) -> None:
    with pytest.raises(TextError):
        system.look(target, text)


def test_a_similarity_that_is_not_there_is_refused(system: TargetWords) -> None:
    with pytest.raises(AttnvizError, match="euclid"):
        system.look("x", "y", similarity="euclid")


def test_long_target_and_text_are_cut_and_say_where(system: TargetWords) -> None:
    trace = system.look("狗" * 100, "猫" * 400)
    assert len(trace.tokens) == 65 and len(trace.key_tokens) == 254
    assert trace.encoded.cut == 64 and trace.looked_at is not None and trace.looked_at.cut == 254


def test_the_figures_beside_the_weights_are_the_cards_and_above_chance() -> None:
    figures = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [*figures] == [*SIMILARITIES]
    for name, found in figures.items():
        for way in ("en-zh", "zh-en"):
            least = min(found[f"{figure}_{way}"] for figure in ("share", "top", "mean_share", "mean_top"))
            assert least > 0.35, (name, way, "chance is 0.25; the least is 0.374, of the additive similarity")
        for value in found.values():
            assert f" {value:.4f} |" in card
    assert "CC BY 2.0 FR" in card and "tatoeba.org" in card


def test_the_weights_are_small_and_half_precision() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size <= 8_000_000


def test_self_attention_is_the_case_of_one_text(system: TargetWords) -> None:
    trace = system.look(TEXT, TEXT, similarity="scaled")
    found = trace.weights(0, 0)[:-1]
    own = found.argmax(-1) == torch.arange(len(found))
    assert own.float().mean() > 0.5, "trained to find the same sentence, most tokens find themselves"
    assert Soft() == trace.rule
