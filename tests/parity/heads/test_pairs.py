"""Two texts read as one, against transformers' own on `tokenizer(first, second)`: every head, every type of token."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase

from attnviz import AttnvizError, ForbidEdge, TextError, differentiable, load, measures, record, record_batch
from attnviz.models import Model
from attnviz.text.tokens import encode
from tests.parity import tiny
from tests.parity.heads import headed
from tests.parity.heads.headed import FIRST, SECOND

TYPES = ("bert", "roberta", "electra", "albert", "distilbert", "deberta-v2", "xlnet", "gpt2", "llama")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Model:
    return load(str(headed.save("plain", "bert", tmp_path_factory.mktemp("bert"), wordpiece)))


@pytest.mark.parametrize("model_type", TYPES)
def test_every_head_of_a_pair_equals_transformers(
    model_type: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    folder = headed.save("plain", model_type, tmp_path, wordpiece)
    trace, expected = record(load(str(folder)), FIRST, pair=SECOND), headed.own("plain", folder, FIRST, SECOND)
    assert list(trace.encoded.ids) == wordpiece(FIRST, SECOND)["input_ids"]
    assert trace.n_layers == len(expected.attentions)
    for layer, weights in enumerate(expected.attentions):
        assert (trace.weights(layer) - weights[0]).abs().max() < 1e-5  # worst seen 5.1e-07
    assert (trace.outputs - expected.last_hidden_state[0]).abs().max() < 1e-5  # worst seen 2.4e-06


def test_the_second_text_has_token_type_1_and_that_shows(bert: Model) -> None:
    trace = record(bert, FIRST, pair=SECOND)
    ids = torch.tensor([trace.encoded.ids])
    with torch.inference_mode():
        blind = bert.network(input_ids=ids).last_hidden_state[0]
    assert (trace.outputs - blind).abs().max() > 0.1
    assert set(trace.encoded.types) == {0, 1}


def test_xlnet_is_given_the_type_of_its_own_mark_for_one_text_too(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    """XLNet's tokenizer gives <cls> the type 2; here a tokenizer does that gives its end the type 1."""
    from tokenizers.processors import TemplateProcessing

    folder = headed.save("plain", "xlnet", tmp_path, wordpiece)
    tokenizer = load(str(folder)).tokenizer
    ends = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("[SEP]", "[CLS]")]
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="$A:0 [SEP]:0 [CLS]:2", pair="$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2", special_tokens=ends
    )
    tokenizer.save_pretrained(folder)
    trace, expected = record(load(str(folder)), FIRST), headed.own("plain", folder, FIRST)
    assert trace.encoded.types[-1] == 2
    assert (trace.weights(1) - expected.attentions[1][0]).abs().max() < 1e-5  # worst seen 0
    same, both = record(load(str(folder)), FIRST, pair=SECOND), headed.own("plain", folder, FIRST, SECOND)
    assert (same.weights(1) - both.attentions[1][0]).abs().max() < 1e-5  # worst seen 0


def test_a_model_of_one_token_type_reads_the_pair_without_types(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    """RoBERTa has one type alone; a tokenizer that gives two would stop it."""
    folder = headed.save("plain", "roberta", tmp_path, wordpiece, type_vocab_size=1)
    trace = record(load(str(folder)), FIRST, pair=SECOND)
    network = tiny.eager("plain", folder)
    with torch.inference_mode():
        expected = network(input_ids=torch.tensor([trace.encoded.ids]), output_attentions=True)
    assert (trace.weights(1) - expected.attentions[1][0]).abs().max() < 1e-5  # worst seen 2.4e-07


@pytest.mark.parametrize("kind", ["fast", "slow"])
def test_every_token_knows_its_text_and_its_characters(kind: str, wordpiece: PreTrainedTokenizerBase) -> None:
    tokenizer = wordpiece if kind == "fast" else ByT5Tokenizer()
    first, second = "the cat 南", "京 sat"
    found = encode(first, tokenizer, None, pair=second)
    assert found.pair is not None and found.pair.split(found.text) == (first, second)
    assert list(found.ids) == tokenizer(first, second)["input_ids"]
    spelt: dict[int | None, set[int]] = {0: set(), 1: set()}
    for owner, span, special in zip(found.segments, found.spans, found.special, strict=True):
        assert special == (owner is None)
        if span is not None:
            spelt[owner] |= set(range(*span))
    whole = {n for n, character in enumerate(found.text) if not character.isspace()}
    assert spelt[0] == {n for n in whole if n < len(first)}
    assert spelt[1] == {n for n in whole if n > len(first)}


@pytest.mark.parametrize("kind", ["fast", "slow"])
@pytest.mark.parametrize("limit", [8, 11])
def test_what_is_too_long_is_cut_as_transformers_cuts_it_and_said_of_each(
    kind: str, limit: int, wordpiece: PreTrainedTokenizerBase
) -> None:
    tokenizer = wordpiece if kind == "fast" else ByT5Tokenizer()
    first, second = "the cat sat on the mat", "the mats sat on cats because it was tired"
    found = encode(first, tokenizer, limit, pair=second)
    cut = tokenizer(first, second, truncation=True, max_length=limit)["input_ids"]
    assert list(found.ids) == cut and len(cut) == limit
    assert found.pair is not None and found.pair.cut is not None and found.cut is not None
    ends = {owner: max(span[1] for span, one in zip(found.spans, found.segments, strict=True) if span and one == owner)
            for owner in (0, 1)}  # fmt: skip
    assert (found.pair.cut, found.cut) == (ends[0], ends[1])
    assert found.text[: found.pair.cut] == first[: found.pair.cut] and found.cut > found.pair.second


def test_shares_of_blocks_are_means_of_what_each_text_gives(bert: Model) -> None:
    trace = record(bert, FIRST, pair=SECOND)
    weights, owners = trace.weights(1, 2).tolist(), trace.queries.segments
    expected = [[0.0, 0.0], [0.0, 0.0]]
    for query, one in enumerate(owners):
        for key, other in enumerate(owners):
            if one is not None and other is not None:
                expected[one][other] += weights[query][key] / owners.count(one)
    found = measures.pair_shares(trace, 1, 2)
    assert found.flatten().tolist() == pytest.approx([share for row in expected for share in row], abs=1e-6)
    mean = torch.stack([measures.pair_shares(trace, 1, head) for head in range(4)]).mean(0)
    assert torch.allclose(measures.pair_shares(trace, 1), mean, atol=1e-6)
    with pytest.raises(AttnvizError) as told:
        measures.pair_shares(record(bert, FIRST), 1, 2)
    assert told.value.message == "no_pair"


def test_a_pair_among_other_texts_is_recorded_as_alone(bert: Model) -> None:
    pair = record(bert, FIRST, pair=SECOND)
    batch = record_batch(bert, ["the cat", pair.encoded, SECOND], interventions=[ForbidEdge(1, 2)])
    alone = record(bert, pair.encoded, interventions=[ForbidEdge(1, 2)])
    assert (batch[1].weights(1) - alone.weights(1)).abs().max() < 1e-5  # worst seen 2.1e-07
    assert (record_batch(bert, ["the cat", pair.encoded])[1].outputs - pair.outputs).abs().max() < 1e-5
    assert batch[1].queries.segments == pair.queries.segments and batch[0].queries.segments == ()


def test_a_run_that_can_be_differentiated_reads_the_same_pair(bert: Model) -> None:
    run = differentiable(bert, FIRST, pair=SECOND)
    assert (run.trace.weights(1) - record(bert, FIRST, pair=SECOND).weights(1)).abs().max() < 1e-5  # worst seen 2.4e-07
    found = run.gradients(lambda outcome: outcome.outputs.sum())
    assert found.inputs is not None and len(found.inputs) == len(run.trace.tokens)


@pytest.mark.parametrize("pair", ["", "   ", "\u200b"])
def test_a_second_text_that_cannot_be_read_is_told_in_a_sentence(pair: str, bert: Model) -> None:
    with pytest.raises(TextError) as told:
        record(bert, FIRST, pair=pair)
    assert told.value.message in ("pair_empty", "text_nothing_left")


def test_a_text_that_was_read_already_takes_no_second(bert: Model) -> None:
    with pytest.raises(TextError) as told:
        record(bert, record(bert, FIRST).encoded, pair=SECOND)
    assert told.value.message == "pair_already_read"


def test_a_system_says_that_it_reads_no_pair() -> None:
    with pytest.raises(AttnvizError) as told:
        record(load("target-words"), "the cat", pair="sat")
    assert told.value.message == "system_cannot" and "pair" in str(told.value)
