"""Every system computes its weights with `attend`, and what it hands back is a `Trace` that everything works on."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from attnviz import Argmax, Rule, Soft, TopK, Trace, load, load_trace, record
from attnviz.core.similarity import Additive, Cosine, Dot, General, Joined, Leaky
from attnviz.errors import AttnvizError
from attnviz.figures import grid, heatmap, tokens
from attnviz.selection import Selection, Style
from attnviz.systems import kinds
from attnviz.systems.hierarchical import system as hierarchical
from attnviz.systems.positions import system as positions
from attnviz.systems.target import system as target
from attnviz.systems.translation import system as translation
from attnviz.ui.kit.export import as_csv, as_html, as_npz
from tests.unit.saved.same import assert_same
from tests.unit.systems.test_protocol import asked

REVIEW = "A dull film. The acting is bad and the plot is worse. I was bored from beginning to end."
TALK = "你喜欢看电影吗？喜欢，我最近看了一部科幻片。导演是谁？"
SIMILARITIES = {"dot": Dot, "scaled": Dot, "general": General, "additive": Additive, "cosine": Cosine}
GRAPHS = {"cora-gat": Joined, "cora-gatv2": Leaky}
SYSTEMS: dict[str, Callable[[Rule], Trace]] = {
    "lab-4": lambda rule: record(load("lab-4"), "南京市长江大桥", rule=rule),
    "lab-gpt": lambda rule: record(load("lab-gpt"), "南京市长江大桥", rule=rule),
    "lab-translator": lambda rule: record(load("lab-translator"), "我喜欢喝茶。", target="I like tea.", rule=rule),
    "nmt-zh-en": lambda rule: translation.load("nmt-zh-en").translate("我喜欢喝茶。", rule=rule),
    "nmt-en-zh": lambda rule: translation.load("nmt-en-zh").translate("I like to drink tea.", rule=rule),
    "han-reviews": lambda rule: hierarchical.load("han-reviews").read(REVIEW, rule=rule),
    "han-topics": lambda rule: hierarchical.load("han-topics").read(TALK, rule=rule),
    **{
        f"positions-{kind}": lambda rule, kind=kind: positions.load(f"positions-{kind}").read("狗咬人。", rule=rule)
        for kind in ("none", "sinusoidal", "learned", "rotary", "alibi")
    },
    **{
        f"target-words {name}": lambda rule, name=name: target.load("target-words").look(
            "dog", "狗在花园里睡觉。", similarity=name, rule=rule
        )
        for name in SIMILARITIES
    },
}


NAMED = {key.split()[0] for key in SYSTEMS}
# Any other system, with the text that test_protocol has for it; "-plain" are the twins without attention.
SYSTEMS |= {
    name: lambda rule, name=name: load(name).read(asked(name)[0], rule=rule, **asked(name)[1])  # type: ignore[union-attr]
    for name in kinds()
    if name not in NAMED and not name.endswith("-plain")
}


class Refusal(AttnvizError):
    """What the rule below raises: a sentence, which no guard round a run turns into another."""


@dataclass(frozen=True)
class Raising(Rule):
    """A rule that cannot be computed with."""

    def weigh(self, scores: Tensor) -> Tensor:
        raise Refusal("values_not_kept")


@dataclass(frozen=True)
class Counting(Rule):
    """Softmax that notes the shape of what it weighed."""

    seen: list[tuple[int, ...]]

    def weigh(self, scores: Tensor) -> Tensor:
        self.seen.append(tuple(scores.shape))
        return Soft().weigh(scores)


def maps(trace: Trace) -> list[Trace]:
    return [trace.map(part) for part in trace.parts]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_rule_that_raises_raises_in_every_system(name: str) -> None:
    with pytest.raises(Refusal):
        SYSTEMS[name](Raising())


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_rule_is_asked_while_the_system_computes_and_softmax_by_another_name_changes_nothing(name: str) -> None:
    seen: list[tuple[int, ...]] = []
    counted, plain = SYSTEMS[name](Counting(seen)), SYSTEMS[name](Soft())
    assert seen, "the weights came from somewhere else"
    torch.testing.assert_close(counted.outputs, plain.outputs, atol=2e-5, rtol=0)  # worst seen 4e-6


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("rule", [Soft(), TopK(2, renormalise=True), Argmax()])
def test_what_comes_back_is_a_trace_whose_rows_are_weights(name: str, rule: Rule) -> None:
    for trace in maps(SYSTEMS[name](rule)):
        assert isinstance(trace, Trace) and trace.rule == rule
        for layer in trace.open_layers:
            weights = trace.weights(layer)
            assert weights.shape[-2:] == (len(trace.tokens), len(trace.key_tokens))
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_picture_and_export_works_on_every_system(name: str) -> None:
    for trace in maps(SYSTEMS[name](Soft())):
        layer = trace.open_layers[0]
        shown = heatmap(trace, layer=layer, head=0, rule=TopK(1)).data[0]
        assert np.asarray(shown.z).shape == (len(trace.tokens), len(trace.key_tokens))
        assert len(grid(trace).data) and len(tokens(trace, layer=layer, head=0, query=0).data)
        assert as_csv(trace, Selection(layer)).count(b"\n") == 1 + len(trace.tokens) * len(trace.key_tokens)
        saved = np.load(io.BytesIO(as_npz(trace, Selection())))
        np.testing.assert_allclose(saved["weights"][layer, 0], trace.weights(layer, 0).numpy(), atol=1e-6)  # seen 9e-8
        assert b"<!doctype html>" in as_html(trace, Selection(layer), Style())


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("rule", [Soft(), TopK(2, renormalise=True)])
def test_the_trace_of_every_system_is_saved_and_loads_equal(name: str, rule: Rule, tmp_path: Path) -> None:
    trace = SYSTEMS[name](rule)
    trace.save(tmp_path / "trace.safetensors")
    found = load_trace(tmp_path / "trace.safetensors")
    assert_same(trace, found)
    for part in maps(found):
        assert len(heatmap(part, layer=part.open_layers[0], head=0).data)


@pytest.mark.parametrize("name", [name for name in SYSTEMS if name.startswith(("target", "nmt", "cora"))])
def test_the_similarity_is_the_one_that_was_asked_for(name: str) -> None:
    kind = (SIMILARITIES | GRAPHS).get(name.split()[-1], Additive)
    assert isinstance(SYSTEMS[name](Soft()).attention(0).similarity, kind)
