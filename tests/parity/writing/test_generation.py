"""`generate` against one forward pass of transformers' own eager attention, and against its own `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from attnviz import (
    Argmax,
    AttnvizError,
    ForbidEdge,
    HideToken,
    KeepHead,
    Model,
    ModelError,
    RemoveHeads,
    Reweigh,
    RuleError,
    Sample,
    TextError,
    TopK,
    Trace,
    generate,
    load,
    record,
)
from attnviz.adapter import registered as interface
from tests.parity import tiny

TEXT = "南京市长江大桥, the cat"
PROMPT = 11  # its tokens, [CLS] counted and [SEP] not
WHOLE = 1e-4  # the gap that is allowed; each test says what was seen
SIDES = dict(
    d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4,
    encoder_ffn_dim=48, decoder_ffn_dim=48, init_std=0.2,
)  # fmt: skip
SEQ2SEQ: dict[str, dict[str, Any]] = {
    "t5": dict(decoder_start_token_id=0, num_layers=1, num_decoder_layers=2), "bart": SIDES,
    "marian": SIDES | dict(decoder_start_token_id=0),
}  # fmt: skip
HYBRID: dict[str, dict[str, Any]] = {
    "jamba": dict(
        num_hidden_layers=3, attn_layer_period=2, attn_layer_offset=1, num_key_value_heads=2, mamba_d_state=4,
        mamba_dt_rank=4, num_experts=2, num_experts_per_tok=1, use_mamba_kernels=False,
    ),
    "lfm2": dict(num_key_value_heads=2, layer_types=["conv", "full_attention"]),
}  # fmt: skip
CAUSAL = ("gpt2", "llama", "mistral", "gemma2", "gpt_oss", "qwen3", "opt", "gpt_neox")
ALL = (*CAUSAL, *SEQ2SEQ, *HYBRID)
NEVER_ENDING = dict(eos_token_id=None, forced_eos_token_id=None)  # random models would end anywhere
Models = Callable[..., Model]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Models:
    """One tiny model by its type, saved and loaded once; with generation settings, one of its own."""
    root = tmp_path_factory.mktemp("models")
    loaded: dict[str, Model] = {}

    def find(model_type: str, **settings: Any) -> Model:
        name = model_type + "".join(f"-{key}" for key in settings)
        if name not in loaded:
            kind = "seq2seq" if model_type in SEQ2SEQ else "causal"
            own = {**SEQ2SEQ, **HYBRID}.get(model_type, {})
            tiny.save(kind, model_type, root / name, wordpiece, **own)
            loaded[name] = load(str(root / name))
            loaded[name].network.generation_config.update(**NEVER_ENDING | settings)
        return loaded[name]

    return find


def once_more(model: Model, trace: Trace, **changes: Any) -> Trace:
    """One forward pass over the tokens of a trace."""
    return record(model, trace.looked_at or trace.encoded, target=trace.encoded if trace.looked_at else None, **changes)


def gap(first: Trace, second: Trace) -> float:
    """The greatest difference between two runs: weights and outputs of every head of every map, logits, last states."""
    assert first.parts == second.parts
    assert first.encoded.ids == second.encoded.ids
    pairs: list[tuple[Tensor, Tensor]] = []
    for one, other in ((first.map(part), second.map(part)) for part in first.parts):
        assert one.open_layers == other.open_layers != []
        pairs += [(one.outputs, other.outputs), *([] if one.logits is None else [(one.logits, other.logits)])]
        for layer in one.open_layers:
            pairs.append((one.weights(layer), other.weights(layer)))
            pairs.append((one.attention(layer).output, other.attention(layer).output))
    assert all(one.shape == other.shape for one, other in pairs)
    return max((one - other).abs().max().item() for one, other in pairs if one.numel())


def eager(model: Model, trace: Trace) -> tuple[Any, dict[str, Sequence[Tensor]]]:
    """One forward pass of transformers alone, and the weights of each map's layers."""
    network = tiny.eager(model.kind, Path(model.name))
    asked = dict(output_attentions=True, output_hidden_states=True, use_cache=False)
    own = torch.tensor([trace.encoded.ids])
    with torch.inference_mode():
        if trace.looked_at is None:
            found = network(input_ids=own, **asked)
            return found, {"self": [layer for layer in found.attentions if layer is not None]}
        found = network(input_ids=torch.tensor([trace.looked_at.ids]), decoder_input_ids=own, **asked)
    return found, {
        "encoder": found.encoder_attentions,
        "decoder": found.decoder_attentions,
        "cross": found.cross_attentions,
    }


@pytest.mark.parametrize("model_type", ALL)
def test_joined_steps_equal_one_forward_pass_over_prompt_and_answer(model_type: str, model: Models) -> None:
    trace = generate(model(model_type), TEXT, most=8)
    assert trace.border == (None if model_type in SEQ2SEQ else PROMPT)
    assert len(trace.tokens) == (1 if model_type in SEQ2SEQ else PROMPT) + 8
    expected, maps = eager(model(model_type), trace)
    assert set(maps) == set(trace.parts)
    for part, layers in maps.items():
        found = trace.map(part)
        assert len(found.open_layers) == len(layers) > 0
        for layer, weights in zip(found.open_layers, layers, strict=True):
            assert (found.weights(layer) - weights[0]).abs().max() < WHOLE  # worst seen 8e-7
    states = expected.hidden_states if trace.looked_at is None else expected.decoder_hidden_states
    assert (trace.logits - expected.logits[0]).abs().max() < WHOLE  # of logits up to 6; worst seen 3.6e-6
    assert (trace.outputs - states[-1][0]).abs().max() < WHOLE  # worst seen 2.7e-6
    if trace.looked_at is not None:
        source = trace.map("encoder").outputs
        assert (source - expected.encoder_last_hidden_state[0]).abs().max() < WHOLE  # worst seen 1.1e-6
    assert gap(trace, once_more(model(model_type), trace)) < WHOLE  # worst seen 3e-6


@pytest.mark.parametrize("rule", [Argmax(), TopK(2), Sample(3)], ids=str)
@pytest.mark.parametrize("model_type", ["llama", "mistral", "gpt_oss", "t5", "jamba"])
def test_rule_acts_in_every_step_as_in_one_forward_pass(model_type: str, rule: Any, model: Models) -> None:
    trace = generate(model(model_type), TEXT, most=8, rule=rule)
    assert trace.rule == rule
    assert gap(trace, once_more(model(model_type), trace, rule=rule)) < WHOLE  # worst seen 7.2e-6
    assert gap(trace, once_more(model(model_type), trace)) > 0.01


CHANGES = {
    "self": (ForbidEdge(PROMPT + 3, PROMPT + 1), ForbidEdge(PROMPT + 4, 10), HideToken(PROMPT + 2), HideToken(9)),
    "cross": (ForbidEdge(5, 3), ForbidEdge(6, 4, part="decoder"), HideToken(2), HideToken(4, part="decoder")),
}


@pytest.mark.parametrize("model_type", ["gpt2", "mistral", "gemma2", "gpt_oss", "t5", "bart", "lfm2"])
def test_edges_and_tokens_of_the_answer_are_changed_by_their_numbers(model_type: str, model: Models) -> None:
    plain = generate(model(model_type), TEXT, most=8)
    changes = (*CHANGES[plain.part], RemoveHeads((1,), layers=(1,)), Reweigh(TopK(2), layers=(1,)))
    trace = generate(model(model_type), TEXT, most=8, interventions=changes)
    assert trace.changes == changes
    assert gap(trace, once_more(model(model_type), trace, interventions=changes)) < WHOLE  # worst seen 2.7e-6
    assert gap(trace, once_more(model(model_type), trace)) > 0.01
    own = trace if trace.part == "self" else trace.map("decoder")
    hidden, row, key = (PROMPT + 2, PROMPT + 3, PROMPT + 1) if trace.part == "self" else (4, 6, 4)
    for layer in own.open_layers:
        assert (own.weights(layer)[:, :, hidden] == 0).all()
        assert (own.weights(layer)[:, row, key] == 0).all()


def theirs(model: Model, **settings: Any) -> list[int]:
    """What transformers itself writes with its own attention, the prompt (or the start token) counted."""
    network = tiny.eager(model.kind, Path(model.name))
    network.generation_config.update(**NEVER_ENDING | settings)
    text = model.tokenizer(TEXT, return_tensors="pt")["input_ids"]
    ids = text if model.kind == "seq2seq" else text[:, :-1]
    return network.generate(ids, num_beams=1, do_sample=False)[0].tolist()


@pytest.mark.parametrize("model_type", ["gpt2", "gemma2", "bart", "lfm2"])
def test_answer_is_that_of_transformers_own_generate(model_type: str, model: Models) -> None:
    trace = generate(model(model_type), TEXT, most=12)
    assert list(trace.encoded.ids) == theirs(model(model_type), max_new_tokens=12)


SETTINGS = {
    "one beam": dict(num_beams=4), "forced first": dict(forced_bos_token_id=30),
    "forbidden words": dict(bad_words_ids=[[number] for number in range(6, 60)]), "not at first": dict(
        begin_suppress_tokens=list(range(70))), "no word twice": dict(repetition_penalty=9.0),
    "words of three kept apart": dict(no_repeat_ngram_size=1),
}  # fmt: skip


@pytest.mark.parametrize("which", SETTINGS)
def test_a_models_own_settings_for_writing_are_kept_but_for_its_beams(which: str, model: Models) -> None:
    settings = SETTINGS[which]
    own = model("bart", **settings)
    trace = generate(own, TEXT, most=6)
    assert list(trace.encoded.ids) == theirs(own, max_new_tokens=6, **settings)
    differs = trace.encoded.ids != generate(model("bart"), TEXT, most=6).encoded.ids
    assert differs == (which != "one beam")
    assert gap(trace, once_more(own, trace)) < WHOLE  # worst seen 1.4e-6


def test_a_forced_end_waits_for_the_longest_text_and_not_for_the_number_asked_for(model: Models) -> None:
    own = model("bart", forced_eos_token_id=7)
    assert generate(own, TEXT, most=4).encoded.ids == generate(model("bart"), TEXT, most=4).encoded.ids


def test_special_token_after_the_prompt_is_left_off(model: Models) -> None:
    trace = generate(model("gpt2"), TEXT, most=1)
    assert record(model("gpt2"), TEXT).tokens == [*trace.tokens[:PROMPT], "[SEP]"]
    assert trace.special[:PROMPT] == (True, *[False] * (PROMPT - 1))


def test_text_spans_and_labels_go_on_from_the_prompt(model: Models) -> None:
    trace = generate(model("phi3"), TEXT, most=8)
    assert trace.text.startswith(TEXT) and len(trace.text) > len(TEXT)
    assert len(trace.tokens) == len(trace.encoded.spans) == len(trace.special) == PROMPT + 8
    for label, span, special in zip(trace.tokens, trace.encoded.spans, trace.special, strict=True):
        assert special or label.removeprefix("##") == trace.text[slice(*span)]
    spans = [span for span in trace.encoded.spans if span]
    assert spans == sorted(spans)


def test_progress_is_told_after_each_token_in_order(model: Models) -> None:
    told: list[tuple[int, str]] = []
    trace = generate(model("phi3"), TEXT, most=5, on_token=lambda count, text: told.append((count, text)))
    assert [count for count, _ in told] == [1, 2, 3, 4, 5]
    assert TEXT + told[-1][1] == trace.text
    assert all(second.startswith(first) for (_, first), (_, second) in pairwise(told))


@pytest.mark.parametrize("model_type", ["llama", "bart"])
def test_stop_after_three_tokens_leaves_a_valid_trace(model_type: str, model: Models) -> None:
    asked: list[int] = []
    trace = generate(
        model(model_type), TEXT, most=8, on_token=lambda n, _: asked.append(n), stop=lambda: len(asked) == 3
    )
    assert asked == [1, 2, 3]
    whole = generate(model(model_type), TEXT, most=8)
    assert trace.encoded.ids == whole.encoded.ids[: len(whole.tokens) - 5]
    assert gap(trace, once_more(model(model_type), trace)) < WHOLE  # worst seen 2.2e-6


@pytest.mark.parametrize("ends", [int, list], ids=["one", "several"])
def test_end_of_sequence_ends_the_answer_and_is_part_of_it(ends: type, model: Models) -> None:
    whole = generate(model("llama"), TEXT, most=8).encoded.ids
    third = whole[PROMPT + 2]
    assert third not in whole[PROMPT : PROMPT + 2]
    own = model("llama", eos_token_id=third if ends is int else [0, third])
    own.network.generation_config.eos_token_id = third if ends is int else [0, third]
    trace = generate(own, TEXT, most=8)
    assert trace.encoded.ids == whole[: PROMPT + 3]


def test_answer_ends_at_the_models_longest_text(model: Models) -> None:
    prompt = "南京" * 29  # 59 tokens with [CLS], of 64
    trace = generate(model("gpt2"), prompt, most=40)
    assert len(trace.tokens) == model("gpt2").limit == 64
    assert trace.border == 59


def test_a_text_that_was_written_to_the_end_leaves_no_room(model: Models) -> None:
    whole = generate(model("gpt2"), "南京" * 29, most=40)
    with pytest.raises(TextError) as refusal:
        generate(model("gpt2"), whole.encoded)
    assert refusal.value.message == "text_leaves_no_room"


def test_writing_goes_on_from_what_was_written(model: Models) -> None:
    half = generate(model("llama"), TEXT, most=4)
    whole = generate(model("llama"), half.encoded, most=4)
    assert whole.encoded == generate(model("llama"), TEXT, most=8).encoded
    assert whole.border == PROMPT + 4


@pytest.mark.parametrize("length", [64, 63, 100])
def test_text_that_leaves_no_room_is_refused(length: int, model: Models) -> None:
    with pytest.raises(TextError) as refusal:
        generate(model("gpt2"), "南" * length)
    assert refusal.value.message == "text_leaves_no_room"
    assert "64" in refusal.value.say("zh")


def test_sampling_repeats_by_seed(model: Models) -> None:
    first, second, other = (generate(model("gpt2"), TEXT, most=12, temperature=1.5, seed=seed) for seed in (1, 1, 2))
    assert first.encoded.ids == second.encoded.ids != other.encoded.ids
    cold = generate(model("gpt2"), TEXT, most=12, temperature=1e-4)
    assert cold.encoded.ids == generate(model("gpt2"), TEXT, most=12).encoded.ids
    assert gap(first, once_more(model("gpt2"), first)) < WHOLE  # worst seen 1.3e-6
    with pytest.raises(RuleError):
        generate(model("gpt2"), TEXT, temperature=0)


def test_error_inside_on_token_comes_out_and_leaves_nothing_behind(model: Models) -> None:
    before = generate(model("llama"), TEXT, most=4)

    def broken(count: int, _: str) -> None:
        if count == 2:
            raise ZeroDivisionError("the reader left")

    with pytest.raises(ZeroDivisionError, match="the reader left"):
        generate(model("llama"), TEXT, most=4, on_token=broken, rule=Argmax())
    assert interface._RUN.get() is None
    after = generate(model("llama"), TEXT, most=4)
    assert after.encoded == before.encoded
    assert gap(before, after) == 0


def test_two_people_writing_at_once_never_disturb_each_other(model: Models) -> None:
    shared, changes = model("gpt2"), ((), (KeepHead(1), HideToken(2)))
    alone = [generate(shared, TEXT, most=4, interventions=change) for change in changes]
    assert alone[0].encoded.ids != alone[1].encoded.ids

    def ten(which: int) -> list[Trace]:
        return [generate(shared, TEXT, most=4, interventions=changes[which]) for _ in range(10)]

    with ThreadPoolExecutor(2) as threads:
        for expected, traces in zip(alone, threads.map(ten, (0, 1)), strict=True):
            assert all(gap(expected, trace) == 0 for trace in traces)


def test_writing_changes_nothing_on_the_model(model: Models) -> None:
    network = model("gemma2").network
    before, settings = {**network.__dict__}, network.generation_config.to_dict()
    generate(model("gemma2"), TEXT, most=3, rule=Argmax())
    assert network.__dict__.keys() == before.keys()
    assert network.generation_config.to_dict() == settings
    assert interface._RUN.get() is None


@pytest.mark.parametrize("model_type", ["bloom", "openai-gpt"])
def test_model_that_keeps_its_attention_to_itself_is_read_when_it_has_written(model_type: str, model: Models) -> None:
    trace = generate(model(model_type), TEXT, most=5)
    assert trace.border == PROMPT
    assert len(trace.tokens) == PROMPT + 5
    _, maps = eager(model(model_type), trace)
    for layer, weights in enumerate(maps["self"]):
        assert (trace.weights(layer) - weights[0]).abs().max() < WHOLE  # worst seen 0
    assert list(trace.encoded.ids) == theirs(model(model_type), max_new_tokens=5)
    if model(model_type).eager:
        with pytest.raises(ModelError) as refusal:
            generate(model(model_type), TEXT, rule=Argmax())
        assert refusal.value.message == "model_read_only"


def test_model_without_attention_is_refused_before_it_has_written(model: Models) -> None:
    told: list[int] = []
    with pytest.raises(ModelError) as refusal:
        generate(model("mamba"), TEXT, on_token=lambda count, _: told.append(count))
    assert refusal.value.message == "model_without_attention"
    assert told == []


@pytest.mark.parametrize("kind", ["masked", "plain"])
def test_model_that_does_not_write_is_refused(kind: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    own = load(str(tiny.save(kind, "bert", tmp_path, wordpiece)))
    with pytest.raises(ModelError) as refusal:
        generate(own, TEXT)
    assert refusal.value.message == "model_writes_nothing"
    assert str(tmp_path) in refusal.value.say("zh")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (HideToken(PROMPT + 8), "no_such_key"), (ForbidEdge(PROMPT + 8, 1), "no_such_query"),
        (RemoveHeads((4,)), "no_such_head"), (RemoveHeads((0,), layers=(2,)), "no_such_layer"),
        (HideToken(1, part="cross"), "no_such_part"),
    ],
)  # fmt: skip
def test_change_of_what_is_not_there_is_refused(change: Any, message: str, model: Models) -> None:
    with pytest.raises(AttnvizError) as refusal:
        generate(model("gpt2"), TEXT, most=8, interventions=[change])
    assert refusal.value.message == message


def test_fewer_than_one_token_cannot_be_asked_for(model: Models) -> None:
    with pytest.raises(ValueError, match="got 0"):
        generate(model("gpt2"), TEXT, most=0)
