"""Texts recorded together against each recorded alone."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import product

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import (
    Argmax,
    AttnvizError,
    ForbidEdge,
    HideToken,
    Intervention,
    KeepHead,
    Model,
    RemoveHeads,
    Restrict,
    Reweigh,
    Rule,
    Sample,
    Soft,
    TextError,
    TopK,
    Trace,
    load,
    masks,
    record,
    record_batch,
)
from attnviz.adapter.registered import ATTENTION, listen, register
from attnviz.recording import batches
from attnviz.recording.batches import Reading, passes
from attnviz.text.tokens import Encoded
from tests.parity import tiny
from tests.parity.architectures import ARCHITECTURES, IDS, build, way_of
from tests.parity.test_interventions import SIZES
from tests.parity.tiny import Models

TEXTS = (
    "南京市长江大桥",
    "the cat",
    "猫坐在垫子上，因为它很累。",
    "she sat down, tired",
    "the mats",
    "桥",
    "the cats were sitting",
)
TARGETS = ("the mat", None, "在上", "she", "the cats sat", "", "桥很长")
NUMBERS = IDS[0].tolist()
SLICES = (slice(12), slice(7), slice(3, 12), slice(2, 6), slice(1, 12))
REPLIES = ([2, 7, 19, 33, 4], [2, 7, 19], [2], [2, 9, 8, 7], [2, 3])
TOGETHER = [
    name
    for name, one in ARCHITECTURES.items()
    if one.refused is None
    and way_of(one) == ATTENTION
    and "input_ids" in one.inputs
    and "pixel_values" not in one.inputs
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    return tiny.opener(tmp_path_factory.mktemp("models"), wordpiece, SIZES)


def far(first: Tensor | None, second: Tensor | None) -> float:
    if first is None or second is None:
        assert first is second
        return 0.0
    assert first.shape == second.shape
    return (first - second).abs().max().item() if first.numel() else 0.0


def apart(mine: Trace, alone: Trace) -> float:
    """The largest difference of two traces in anything that they hold, which must be of one shape throughout.

    Of logits and scores, which may be large, by their largest: lab-4's logits, up to 17, differ by 2.7e-5 (9e-14 in
    float64).
    """
    assert mine.parts == alone.parts
    gaps = []
    for part in alone.parts:
        one, other = mine.map(part), alone.map(part)
        assert (one.tokens, one.key_tokens, one.special) == (other.tokens, other.key_tokens, other.special)
        assert (one.blank, one.rule, one.changes, one.kind) == (other.blank, other.rule, other.changes, other.kind)
        assert one.open_layers == other.open_layers
        gaps += [far(getattr(one, name), getattr(other, name)) for name in ("outputs", "boundaries")]
        if other.logits is not None:
            gaps.append(far(one.logits, other.logits) / max(1.0, other.logits.abs().max().item()))
        assert (one.logits is None) == (other.logits is None)
        for layer in other.open_layers:
            gaps.append(far(one.weights(layer), other.weights(layer)))
            ours, theirs = one.scores(layer), other.scores(layer)
            assert torch.equal(ours == -torch.inf, theirs == -torch.inf)
            seen = theirs > -torch.inf
            gaps.append(far(ours[seen], theirs[seen]) / max(1.0, theirs[seen].abs().max().item()))
            gaps.append(far(one.layers[layer].values, other.layers[layer].values))
    return max(gaps)


def encoded(ids: Sequence[int]) -> Encoded:
    return Encoded("", tuple(ids), tuple(map(str, ids)), (None,) * len(ids), (False,) * len(ids), None)


def together(model: Model, **asked: object) -> list[Trace]:
    targets = {"targets": TARGETS} if model.kind == "seq2seq" else {}
    return record_batch(model, TEXTS, **targets, **asked)


def alone(model: Model, **asked: object) -> list[Trace]:
    targets = TARGETS if model.kind == "seq2seq" else [None] * len(TEXTS)
    return [record(model, text, target=target, **asked) for text, target in zip(TEXTS, targets, strict=True)]


@pytest.mark.parametrize("name", TOGETHER)
def test_every_type_records_texts_together_as_alone(name: str, wordpiece: PreTrainedTokenizerBase) -> None:
    architecture = ARCHITECTURES[name]
    register()
    network = build(architecture, ATTENTION)
    listen(network)
    pairs = "decoder_input_ids" in architecture.inputs
    model = Model(name, "seq2seq" if pairs else "plain", network, wordpiece, None, None)
    texts = [encoded(NUMBERS[part]) for part in SLICES]
    targets = [encoded(ids) if pairs else None for ids in REPLIES]
    found = record_batch(model, texts, targets=targets, predictions=False)
    for text, target, trace in zip(texts, targets, found, strict=True):
        single = record(model, text, target=target, predictions=False)
        assert apart(trace, single) < 1e-5  # worst seen 3.6e-06


@pytest.mark.parametrize(
    "name", ["bert", "roberta", "modernbert", "distilbert", "gpt2", "llama", "gemma2", "opt", "t5", "bart"]
)
def test_sentences_recorded_together_are_as_alone_in_all_that_a_trace_holds(name: str, model: Models) -> None:
    for mine, single in zip(together(model(name)), alone(model(name)), strict=True):
        assert apart(mine, single) < 1e-5  # worst seen 2.9e-06
        assert mine.text == single.text


def test_word_boundaries_and_blanks_are_those_of_single_runs() -> None:
    lab = load("lab-4")
    blanks = (3, None, 1, 2, None, 1, None)
    for text, blank, mine in zip(TEXTS, blanks, record_batch(lab, TEXTS, blanks=blanks), strict=True):
        assert mine.boundaries is not None and mine.blank == blank
        assert apart(mine, record(lab, text, blank=blank)) < 1e-5


def test_what_differs_is_rounding() -> None:
    """In float64 nothing is left of it."""
    lab = load("lab-4")
    exact = replace(lab, network=copy.deepcopy(lab.network).double(), boundary=None)
    for mine, single in zip(record_batch(exact, TEXTS), [record(exact, text) for text in TEXTS], strict=True):
        assert apart(mine, single) < 1e-12  # worst seen 9e-14


@pytest.mark.parametrize("rule", [Soft(0.5), TopK(2), Argmax(), Sample(3)], ids=str)
@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_rule_acts_on_each_text_as_alone(name: str, rule: Rule, model: Models) -> None:
    for mine, single in zip(together(model(name), rule=rule), alone(model(name), rule=rule), strict=True):
        assert apart(mine, single) < 1e-5


@dataclass(frozen=True, kw_only=True)
class Last(Intervention):
    """A change that asks where the text ends: its last key is seen by none."""

    def change(self, call, place):  # type: ignore[no-untyped-def]
        keys = call.keys.shape[-2]
        seen = torch.ones(call.queries.shape[-2], keys, dtype=torch.bool)
        seen[:, -1] = keys == 1
        return replace(call, allowed=seen if call.allowed is None else call.allowed & seen)


CHANGES: tuple[tuple[Intervention, ...], ...] = (
    (HideToken(0),), (ForbidEdge(0, 0),), (RemoveHeads((1, 2)),), (Restrict(masks.Window(1)),), (Last(),),
    (KeepHead(0, layers=(1,)), Reweigh(TopK(2), layers=(0,))),
)  # fmt: skip


@pytest.mark.parametrize("changes", CHANGES, ids=lambda changes: str(changes[0]))
@pytest.mark.parametrize("name", ["bert", "llama", "bart"])
def test_interventions_act_on_each_text_as_alone(name: str, changes: tuple[Intervention, ...], model: Models) -> None:
    plain = together(model(name))
    mine, single = (ask(model(name), interventions=changes, rule=Soft(0.7)) for ask in (together, alone))
    assert all(apart(*pair) < 1e-5 for pair in zip(mine, single, strict=True))
    assert any((one.logits - before.logits).abs().max() > 0.01 for one, before in zip(mine, plain, strict=True))


def test_token_that_one_text_does_not_have_is_refused_before_anything_runs(model: Models) -> None:
    with pytest.raises(AttnvizError) as refusal:
        record_batch(model("bert"), TEXTS, interventions=[HideToken(6)])
    assert refusal.value.message == "no_such_key"
    with pytest.raises(TextError) as empty:
        record_batch(model("bert"), ["the cat", " "])
    assert empty.value.message == "text_empty"


def test_one_entry_is_asked_for_each_text(model: Models) -> None:
    with pytest.raises(ValueError, match="blanks for each of the 2 texts; got 1"):
        record_batch(model("bert"), ["the cat", "the mats"], blanks=[1])
    assert record_batch(model("bert"), []) == []


def test_eager_models_are_run_one_by_one(model: Models) -> None:
    assert not batches.together(model("mpnet"))
    for mine, single in zip(together(model("mpnet")), alone(model("mpnet")), strict=True):
        assert apart(mine, single) == 0


def test_mobilebert_would_see_what_fills_a_text_up(
    monkeypatch: pytest.MonkeyPatch, wordpiece: PreTrainedTokenizerBase
) -> None:
    """When this fails, it no longer looks at neighbouring tokens: take it off the list."""
    network = build(ARCHITECTURES["mobilebert"], ATTENTION)
    listen(network)
    model = Model("mobilebert", "plain", network, wordpiece, None, None)
    assert not batches.together(model)
    monkeypatch.setattr(batches, "ALONE", frozenset())
    texts = [encoded(NUMBERS[part]) for part in SLICES]
    found = record_batch(model, texts)
    assert max(far(one.outputs, record(model, text).outputs) for one, text in zip(found, texts, strict=True)) > 1e-3


def test_no_trace_holds_the_memory_of_another(model: Models) -> None:
    for trace in together(model("bert")):
        layer = trace.layers[0]
        tensors = [trace.outputs, trace.logits, layer.queries, layer.keys, layer.values]
        assert all(one.untyped_storage().nbytes() == one.nbytes for one in tensors)


def test_passes_cost_no_more_than_any_other_cut_into_runs_of_like_length() -> None:
    lengths = [3, 30, 4, 12, 5, 11, 31]
    readings = [Reading(number, encoded([1] * length), None, None) for number, length in enumerate(lengths)]
    ordered = sorted(lengths)

    def cost(groups: Sequence[Sequence[int]]) -> int:
        return sum(batches.PASS + max(group) * len(group) for group in groups)

    cheapest = min(
        cost([ordered[start:end] for start, end in zip((0, *cuts), (*cuts, 7), strict=True)])
        for places in product((False, True), repeat=6)
        for cuts in [tuple(place + 1 for place, cut in enumerate(places) if cut)]
    )
    found = [[one.sizes[0] for one in group] for group in passes(readings)]
    assert sorted(one.number for group in passes(readings) for one in group) == list(range(7))
    assert cost(found) == cheapest


def test_a_pass_has_no_more_than_its_most_tokens_unless_one_text_has() -> None:
    readings = [Reading(n, encoded([1] * length), None, None) for n, length in enumerate([700, *[60] * 30])]
    for group in passes(readings):
        assert len(group) == 1 or max(one.sizes[0] for one in group) * len(group) <= batches.MOST


def test_threads_that_record_together_and_alone_never_disturb_each_other(model: Models) -> None:
    shared, single = model("gpt2"), alone(model("gpt2"))

    def many(batch: bool) -> list[list[Trace]]:
        return [(together if batch else alone)(shared) for _ in range(8)]

    with ThreadPoolExecutor(2) as threads:
        found = [traces for runs in threads.map(many, (True, False)) for traces in runs]
    assert all(apart(*pair) < 1e-5 for traces in found for pair in zip(traces, single, strict=True))
