"""`record` against transformers' own eager attention, and what it must leave untouched."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase
from transformers.modeling_outputs import ModelOutput

from attnviz import (
    Argmax,
    Model,
    ModelError,
    Sample,
    Soft,
    Sparsemax,
    TextError,
    Threshold,
    TopK,
    Trace,
    load,
    record,
)
from attnviz.adapter import registered as interface
from attnviz.adapter.chosen import allowed_and_bias
from attnviz.core.rules import Rule
from tests.parity import tiny

TEXT = "南京市长江大桥, the cat sat on the mats"
ALL_TYPES = (*tiny.MASKED, *tiny.CAUSAL)
Folders = Callable[[str], Path]
Models = Callable[[str], Model]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Folders:
    """The folder of one tiny model by its type, saved once."""
    root = tmp_path_factory.mktemp("models")

    def find(model_type: str) -> Path:
        place = root / model_type
        return place if place.exists() else tiny.save(tiny.kind_of(model_type), model_type, place, wordpiece)

    return find


@pytest.fixture(scope="module")
def model(folder: Folders) -> Models:
    """One tiny model by its type, loaded once by `attnviz.load`."""
    loaded: dict[str, Model] = {}

    def find(model_type: str) -> Model:
        if model_type not in loaded:
            loaded[model_type] = load(str(folder(model_type)))
        return loaded[model_type]

    return find


def plain(model: Model, trace: Trace) -> Tensor:
    """The logits of an ordinary forward pass, nothing recorded."""
    with torch.inference_mode():
        return model.network(input_ids=torch.tensor([trace.encoded.ids])).logits[0]


def eager(folder: Path, trace: Trace, kind: str, dtype: torch.dtype = torch.float32) -> ModelOutput:
    network = tiny.eager(kind, folder).to(dtype)
    ids = torch.tensor([trace.encoded.ids])
    with torch.inference_mode():
        return network(input_ids=ids, output_attentions=True, output_hidden_states=True, use_cache=False)


@pytest.mark.parametrize("model_type", ALL_TYPES)
def test_every_head_equals_eager_attention(model_type: str, model: Models, folder: Folders) -> None:
    trace = record(model(model_type), TEXT)
    expected = eager(folder(model_type), trace, tiny.kind_of(model_type))
    assert trace.n_layers == len(expected.attentions) >= 2
    assert trace.n_heads == 4
    assert trace.kind == tiny.kind_of(model_type)
    for layer, weights in enumerate(expected.attentions):
        gap = (trace.weights(layer) - weights[0]).abs().max()
        assert gap < 1e-5  # worst seen 5.4e-07
    gap = (trace.logits - expected.logits[0]).abs().max()
    assert gap < 1e-5  # of logits up to 5; worst seen 3.3e-06
    gap = (trace.outputs - expected.hidden_states[-1][0]).abs().max()
    assert gap < 1e-5  # worst seen 2.4e-06


@pytest.mark.parametrize("model_type", ALL_TYPES)
def test_recording_leaves_the_prediction_as_it_was(model_type: str, model: Models) -> None:
    trace = record(model(model_type), TEXT)
    gap = (trace.logits - plain(model(model_type), trace)).abs().max()
    assert gap < 1e-5  # worst seen 0
    soft = record(model(model_type), TEXT, rule=Soft())
    assert torch.equal(soft.logits, trace.logits)
    assert all(torch.equal(soft.weights(layer), trace.weights(layer)) for layer in range(trace.n_layers))


@pytest.mark.parametrize("model_type", ALL_TYPES)
def test_weights_times_values_feed_the_next_layer_under_every_rule(model_type: str, model: Models) -> None:
    """Soft takes torch's fused kernel, another rule lays the weights out: a nearly equal rule must give the same."""
    fused = record(model(model_type), TEXT)
    laid_out = record(model(model_type), TEXT, rule=Threshold(0.0))
    gap = (fused.logits - laid_out.logits).abs().max()
    assert gap < 1e-5  # worst seen 3.3e-06


@pytest.mark.parametrize("model_type", tiny.CAUSAL)
def test_causal_models_look_at_no_later_token(model_type: str, model: Models) -> None:
    trace = record(model(model_type), TEXT)
    for layer in range(trace.n_layers):
        assert (trace.weights(layer).triu(1) == 0).all()
        assert (trace.scores(layer)[0].triu(1)[0, 1:] == -torch.inf).all()


@pytest.mark.parametrize("model_type", tiny.MASKED)
def test_masked_models_look_both_ways(model_type: str, model: Models) -> None:
    assert (record(model(model_type), "the cat").weights(0) > 0).all()


@pytest.mark.parametrize(("model_type", "layer"), [("mistral", 0), ("mistral", 1), ("gemma3_text", 0)])
def test_outside_a_sliding_window_nothing_is_allowed(model_type: str, layer: int, model: Models) -> None:
    trace = record(model(model_type), TEXT)
    place = torch.arange(len(trace.tokens))
    distance = place[:, None] - place
    outside = (distance >= tiny.WINDOW) | (distance < 0)
    assert len(trace.tokens) > 2 * tiny.WINDOW
    assert (trace.scores(layer)[:, outside] == -torch.inf).all()
    assert (trace.scores(layer)[:, ~outside] > -torch.inf).all()
    assert (trace.weights(layer)[:, outside] == 0).all()


@pytest.mark.parametrize("model_type", ["llama", "mistral"])
def test_grouped_key_heads_are_shared_by_neighbouring_query_heads(model_type: str, model: Models) -> None:
    keys = record(model(model_type), TEXT).layers[0].keys
    assert torch.equal(keys[0], keys[1])
    assert torch.equal(keys[2], keys[3])
    assert not torch.equal(keys[1], keys[2])


@pytest.mark.parametrize("rule", [Argmax(), TopK(2), Threshold(0.3), Sparsemax(), Soft(0.2), Sample()], ids=str)
@pytest.mark.parametrize("model_type", ["bert", "llama"])
def test_rule_acts_while_the_model_computes(model_type: str, rule: Rule, model: Models) -> None:
    soft, hard = record(model(model_type), TEXT), record(model(model_type), TEXT, rule=rule)
    assert (soft.logits - hard.logits).abs().max() > 0.01
    assert torch.equal(soft.layers[0].queries, hard.layers[0].queries)
    assert not torch.equal(soft.layers[1].queries, hard.layers[1].queries)
    assert torch.equal(hard.weights(0), rule.at(0).weigh(soft.scores(0)))
    assert hard.rule == rule


@pytest.mark.parametrize("model_type", ["bert", "gpt2"])
def test_argmax_and_top_one_renormalised_are_the_same_run(model_type: str, model: Models) -> None:
    first, second = (record(model(model_type), TEXT, rule=rule) for rule in (Argmax(), TopK(1, renormalise=True)))
    assert torch.equal(first.logits, second.logits)
    for layer in range(first.n_layers):
        assert torch.equal(first.weights(layer), second.weights(layer))


def test_sampled_run_repeats_by_seed_and_one_head_shows_what_ran(model: Models) -> None:
    first, second, other = (record(model("bert"), TEXT, rule=Sample(seed)) for seed in (3, 3, 4))
    assert torch.equal(first.logits, second.logits)
    assert not torch.equal(first.logits, other.logits)
    for head in range(first.n_heads):
        assert torch.equal(first.weights(1, head), first.weights(1)[head])


def test_two_threads_with_different_rules_never_disturb_each_other(model: Models) -> None:
    shared, rules = model("bert"), (Soft(), Argmax())
    alone = [record(shared, TEXT, rule=rule).logits for rule in rules]
    assert not torch.equal(*alone)

    def hundred(which: int) -> list[Trace]:
        return [record(shared, TEXT, rule=rules[which]) for _ in range(100)]

    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(hundred, (0, 1)))
    for which, traces in enumerate(both):
        assert all(torch.equal(trace.logits, alone[which]) for trace in traces)
        assert all(trace.n_layers == 2 and trace.rule == rules[which] for trace in traces)
    assert sum(map(len, both)) == 200


class Broken(Rule):
    """A rule that fails in the second layer."""

    def weigh(self, scores: Tensor) -> Tensor:
        raise ZeroDivisionError("the rule was asked")


def test_exception_inside_a_run_comes_out_in_one_sentence_and_leaves_nothing_behind(model: Models) -> None:
    before = record(model("bert"), TEXT)
    with pytest.raises(ModelError, match="do not go together") as refused:
        record(model("bert"), TEXT, rule=Broken())
    assert repr(refused.value.__cause__) == "ZeroDivisionError('the rule was asked')"
    assert interface._RUN.get() is None
    assert torch.equal(plain(model("bert"), before), before.logits)
    assert torch.equal(record(model("bert"), TEXT).logits, before.logits)


def test_record_changes_nothing_on_the_model(model: Models) -> None:
    network = model("bert").network
    weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trace = record(model("bert"), TEXT, rule=Argmax())
    assert interface._RUN.get() is None
    assert not network.training
    assert network.config._attn_implementation == interface.ATTENTION
    hooks = [hook for module in network.modules() for hook in module._forward_hooks.values()]
    own = ("transformers.", "attnviz.adapter.registered")  # ways to hidden states, put once
    assert all(hook.__module__.startswith(own) for hook in hooks)
    assert sum(hook.__module__ == "attnviz.adapter.registered" for hook in hooks) == 1
    assert not any(module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.state_dict().items())
    assert not torch.equal(plain(model("bert"), trace), trace.logits)


def test_recorded_tensors_keep_no_gradient_and_no_batch(model: Models) -> None:
    for layer in record(model("llama"), TEXT).layers:
        assert layer.queries.ndim == layer.keys.ndim == layer.values.ndim == 3
        assert not layer.queries.requires_grad


def test_blank_puts_a_mask_there_and_the_model_fills_it(model: Models) -> None:
    whole, blanked = record(model("bert"), TEXT), record(model("bert"), TEXT, blank=3)
    assert blanked.tokens[3] == "[MASK]"
    assert blanked.encoded.ids[3] == model("bert").tokenizer.mask_token_id
    assert [*blanked.tokens[:3], *blanked.tokens[4:]] == [*whole.tokens[:3], *whole.tokens[4:]]
    assert (blanked.blank, whole.blank) == (3, None)
    assert blanked.text == TEXT
    assert not torch.equal(blanked.logits, whole.logits)


@pytest.mark.parametrize(
    ("blank", "message"),
    [(0, "blank_special"), (15, "blank_special"), (16, "no_such_position"), (-1, "no_such_position")],
)
def test_blank_outside_the_words_of_the_text_is_refused(blank: int, message: str, model: Models) -> None:
    with pytest.raises(TextError) as refusal:
        record(model("bert"), TEXT, blank=blank)
    assert refusal.value.message == message
    assert refusal.value.say("zh")


def test_blank_for_a_model_that_fills_none_is_refused(model: Models) -> None:
    with pytest.raises(ModelError) as refusal:
        record(model("gpt2"), TEXT, blank=1)
    assert refusal.value.message == "model_fills_no_blanks"


@pytest.mark.parametrize("model_type", ["bert", "gpt2"])
def test_predictions_are_probabilities_the_likeliest_first(model_type: str, model: Models) -> None:
    trace = record(model(model_type), TEXT)
    everything = trace.predictions(4, top=10_000)
    assert len(everything) == trace.logits.shape[-1]
    assert sum(p for _, p in everything) == pytest.approx(1, abs=1e-5)  # worst seen 4.9e-08
    assert everything == sorted(everything, key=lambda pair: -pair[1])
    assert everything[:5] == trace.predictions(4)
    assert all(isinstance(piece, str) and piece for piece, _ in everything)


@pytest.mark.parametrize("model_type", ["bert", "mistral"])
def test_cell_tells_the_numbers_that_weights_and_scores_hold(model_type: str, model: Models) -> None:
    trace = record(model(model_type), TEXT)
    weights, scores = trace.weights(1, 2), trace.scores(1, 2)
    for query, key in [(0, 0), (9, 7), (12, 12), (5, 9)]:
        cell = trace.cell(1, 2, query, key)
        assert cell.weight == weights[query, key]
        assert cell.score == scores[query, key]
        assert cell.rank == 1 + sum(other > scores[query, key] for other in scores[query])
        assert cell.keys == (scores[query] > -torch.inf).sum()
        assert (cell.query_label, cell.key_label) == (trace.tokens[query], trace.tokens[key])


def test_text_beyond_the_positions_is_read_as_far_as_they_reach(model: Models) -> None:
    for model_type in ("bert", "roberta", "gpt2"):
        trace = record(model(model_type), "南京" * 2500)
        assert len(trace.tokens) == model(model_type).limit
        assert trace.encoded.cut == model(model_type).limit - 2


@pytest.mark.parametrize("model_type", ["bert", "gpt2"])
def test_text_of_one_character_is_read(model_type: str, model: Models) -> None:
    trace = record(model(model_type), "长")
    assert trace.tokens == ["[CLS]", "长", "[SEP]"]
    assert trace.weights(0).sum(-1) == pytest.approx(torch.ones(4, 3), abs=1e-6)


def test_gemma_2_caps_its_scores(model: Models) -> None:
    trace = record(model("gemma2"), TEXT)
    found = trace.attention(0, 1)
    plain = found.products * found.scale
    assert plain.abs().max() > 0.5, "without a product beyond the cap nothing would be seen"
    cell = trace.cell(0, 1, 5, 3)
    assert cell.score == pytest.approx(0.5 * math.tanh(cell.product * cell.scale / 0.5), abs=1e-6)
    assert cell.soft == pytest.approx(trace.weights(0, 1)[5, 3].item(), abs=1e-6)


def test_learned_sinks_take_their_share_of_every_row(model: Models) -> None:
    trace = record(model("gpt_oss"), TEXT)
    for head in range(trace.n_heads):
        found = trace.attention(1, head)
        total = found.scores.exp().sum(-1) + found.sink.exp()
        torch.testing.assert_close(trace.weights(1, head).sum(-1), 1 - found.sink.exp() / total, atol=1e-6, rtol=0)
    sparse, cell = trace.attention(1, 2, Sparsemax()), trace.cell(1, 2, 6, 6, Sparsemax())
    assert cell.weight == pytest.approx(max(cell.score - cell.tau, 0), abs=1e-6)
    assert (sparse.weights.sum(-1) < 1 + 1e-6).all()
    assert trace.cell(1, 2, 6, 4).soft == pytest.approx(trace.weights(1, 2)[6, 4].item(), abs=1e-6)


def test_model_without_attention_is_refused(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    with pytest.raises(ModelError) as refusal:
        record(load(str(tiny.save("causal", "mamba", tmp_path, wordpiece))), TEXT)
    assert refusal.value.message == "model_without_attention"
    assert "MambaBlock" in str(refusal.value)


@pytest.mark.parametrize("model_type", ["bloom", "deberta-v2"])
def test_model_outside_the_attention_interface_gives_its_weights_to_look_at(
    model_type: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    kind = "masked" if model_type == "deberta-v2" else "causal"
    place = tiny.save(kind, model_type, tmp_path, wordpiece)
    trace = record(load(str(place)), TEXT)
    expected = eager(place, trace, kind)
    for layer, weights in enumerate(expected.attentions):
        assert torch.equal(trace.weights(layer), weights[0])
        assert not trace.attention(layer).explained
        redrawn = trace.weights(layer, rule=TopK(2, renormalise=True))
        assert ((redrawn > 0).sum(-1) <= 2).all()
        torch.testing.assert_close(redrawn.sum(-1), torch.ones_like(redrawn.sum(-1)))
    with pytest.raises(ModelError) as refusal:
        record(load(str(place)), TEXT, rule=Argmax())
    assert refusal.value.message == "model_read_only"


def test_float_masks_and_position_biases_are_told_apart() -> None:
    """transformers' eager masks are floats: very negative cells are not allowed, the rest is a bias."""
    lowest = torch.finfo(torch.float32).min
    mask, bias = torch.tensor([[[[0.0, lowest], [0.5, 0.0]]]]), torch.full((1, 3, 2, 2), 0.25)
    allowed, rest = allowed_and_bias(mask, None)
    assert allowed.tolist() == [[[[True, False], [True, True]]]]
    assert rest.tolist() == [[[[0, 0], [0.5, 0]]]]
    assert allowed_and_bias(mask, bias)[1][0, 2].tolist() == [[0.25, 0.25], [0.75, 0.25]]
    assert allowed_and_bias(mask.clamp(max=0), None)[1] is None
    assert allowed_and_bias(allowed, bias) == (allowed, bias)
    assert allowed_and_bias(None, bias) == (None, bias)
