"""Restrict against transformers' own eager attention given the same pattern; and while a model writes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import AttnvizError, Model, ModelError, Trace, generate, load, record
from attnviz.core.interventions import Restrict
from attnviz.core.masks import Causal, Dilated, Fixed, Global, Mask, RandomKeys, Strided, Window
from tests.parity import tiny
from tests.parity.tiny import Models

TEXT, TARGET = "南京市长江大桥, the cat sat on the mat", "the mat 在上"
HEADS = 4
SEQ = {"num_layers": 2, "num_decoder_layers": 2, "decoder_start_token_id": 0}
MASKS: tuple[Mask, ...] = (
    Window(1), Window(3), Dilated(2, 1), Window(1) | Global((0, 4)), Window(1) | Global((0,)) | RandomKeys(1, 3),
    Strided(3), Fixed(4, 1),
)  # fmt: skip
WRITING = (Window(2), Window(1) | Global((0,)), Window(1) | RandomKeys(1, 3), Strided(3))
NAMES = ("bert", "roberta", "distilbert", "modernbert", "gpt2", "llama", "mistral", "qwen3", "gemma2")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    return tiny.opener(tmp_path_factory.mktemp("models"), wordpiece, {"t5": SEQ})


def pairs_of(mask: Mask, trace: Trace) -> Tensor:
    """The mask as nested loops ask it, pair by pair."""
    size = len(trace.tokens)
    whole = mask.allowed(size, size)
    return torch.tensor([[bool(whole[query, key]) for key in range(size)] for query in range(size)])


def eager_logits(model: Model, trace: Trace, pairs: Tensor) -> Tensor:
    """transformers' own eager model with the pattern as a float mask that it adds to its scores."""
    network = tiny.eager(model.kind, Path(model.name))
    pairs = pairs.tril() if model.kind == "causal" else pairs
    mask = torch.zeros(1, 1, *pairs.shape).masked_fill(~pairs, torch.finfo(torch.float32).min)
    with torch.inference_mode():
        return network(input_ids=torch.tensor([trace.encoded.ids]), attention_mask=mask, use_cache=False).logits[0]


def far(first: Tensor, second: Tensor) -> float:
    return (first - second).abs().max().item()


@pytest.mark.parametrize("mask", MASKS, ids=str)
@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "gpt2", "llama", "qwen3"])
def test_restricted_run_equals_eager_attention_with_that_mask(name: str, mask: Mask, model: Models) -> None:
    before, after = (record(model(name), TEXT, interventions=changes) for changes in ((), (Restrict(mask),)))
    assert far(after.logits, eager_logits(model(name), after, pairs_of(mask, after))) < 1e-5  # worst seen 2.9e-6
    assert far(before.logits, after.logits) > 0.01


@pytest.mark.parametrize("mask", MASKS, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_weights_stand_on_allowed_pairs_only_and_rows_still_sum_to_1(name: str, mask: Mask, model: Models) -> None:
    before, after = (record(model(name), TEXT, interventions=changes) for changes in ((), (Restrict(mask),)))
    pairs = pairs_of(mask, after)
    for layer in range(after.n_layers):
        was, now = (trace.scores(layer) > -torch.inf for trace in (before, after))
        assert torch.equal(now, was & pairs)
        assert (after.weights(layer)[~now] == 0).all()
        assert after.weights(layer).sum(-1) == pytest.approx(torch.ones(HEADS, len(pairs)), abs=1e-6)


def test_restricting_one_layer_leaves_the_others_as_they_are(model: Models) -> None:
    after = record(model("bert"), TEXT, interventions=[Restrict(Window(1), layers=(1,))])
    assert (after.scores(0) > -torch.inf).all()
    assert not (after.scores(1) > -torch.inf).all()


def test_in_an_encoder_decoder_it_acts_where_a_text_looks_at_itself(model: Models) -> None:
    mask = Window(1)
    after = record(model("t5"), TEXT, target=TARGET, interventions=[Restrict(mask)])
    for part in ("encoder", "decoder", "cross"):
        seen = after.map(part).scores(0) > -torch.inf
        full = torch.ones_like(seen)
        size = seen.shape[-1]
        own = mask.allowed(size, size) if part == "encoder" else (mask & Causal()).allowed(size, size)
        assert torch.equal(seen, full if part == "cross" else own.expand_as(seen))


def test_in_the_cross_map_it_acts_when_that_is_said(model: Models) -> None:
    after = record(model("t5"), TEXT, target=TARGET, interventions=[Restrict(Window(1), part="cross")])
    seen = after.scores(0) > -torch.inf
    assert torch.equal(seen, Window(1).allowed(*seen.shape[-2:]).expand_as(seen))
    assert (after.map("encoder").scores(0) > -torch.inf).all()


@pytest.mark.parametrize(
    "mask", [Window(2), Window(1) | Global((0,)), Window(1) | RandomKeys(1, 3), Strided(3)], ids=str
)
@pytest.mark.parametrize("name", ["llama", "gpt2", "mistral"])
def test_what_is_written_step_by_step_is_what_one_run_over_the_whole_gives(
    name: str, mask: Mask, model: Models
) -> None:
    change = Restrict(mask)
    written = generate(model(name), "南京市长江", most=6, interventions=[change])
    again = record(model(name), written.encoded, interventions=[change])
    assert len(written.tokens) > written.border
    for layer in range(written.n_layers):
        assert torch.equal(written.scores(layer) > -torch.inf, again.scores(layer) > -torch.inf)
        assert far(written.weights(layer), again.weights(layer)) < 1e-6  # worst seen 2.1e-7
    assert far(written.logits, again.logits) < 1e-5  # worst seen 2.4e-6


def test_query_that_is_left_with_nothing_gives_0(model: Models) -> None:
    nobody = Restrict(Nobody())
    trace = record(model("bert"), TEXT, interventions=[nobody])
    assert (trace.weights(0) == 0).all() and (trace.attention(0).output == 0).all()
    assert torch.isfinite(trace.logits).all()


class Nobody(Mask):
    def sees(self, query: Tensor, key: Tensor) -> Tensor:
        return (query < 0) & (key < 0)


def test_model_that_returns_its_weights_only_cannot_be_restricted(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    bloom = load(str(tiny.save("causal", "bloom", tmp_path / "bloom", wordpiece)))
    with pytest.raises(ModelError) as refused:
        record(bloom, TEXT, interventions=[Restrict(Window(1))])
    assert refused.value.message == "model_read_only"


def test_layer_that_is_not_there_is_refused(model: Models) -> None:
    with pytest.raises(AttnvizError, match="layer 7"):
        record(model("bert"), TEXT, interventions=[Restrict(Window(1), layers=(7,))])


def test_it_says_what_it_does() -> None:
    assert str(Restrict(Window(3), layers=(0, 1))) == "look only where window 3 in layers 0, 1"
