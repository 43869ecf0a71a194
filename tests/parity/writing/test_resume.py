"""What a model wrote, read again from a text or from numbers, equals what it was when it was written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import load, record
from attnviz.adapter.checks import embedding_rows
from attnviz.errors import AttnvizError, ModelError, TextError
from attnviz.models.load import Model
from attnviz.recording.generate import generate
from attnviz.recording.resume import answer_ids, answer_text, cut_alone, resumed
from tests.parity import tiny

TEXT = "the cat sat on the mats"


@pytest.fixture(
    scope="module", params=[("causal", "gpt2"), ("causal", "llama"), ("seq2seq", "t5"), ("seq2seq", "bart")]
)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase
) -> Model:
    kind, model_type = request.param
    return load(tiny.save(kind, model_type, tmp_path_factory.mktemp(model_type), wordpiece))


def test_a_text_and_what_was_written_after_it_are_read_as_they_were_written(model: Model) -> None:
    wrote = generate(model, TEXT, most=7)
    read = resumed(model, answer_ids(model, wrote, TEXT), TEXT)
    assert (read.target or read.text).ids == wrote.encoded.ids
    assert (read.target or read.text).labels == wrote.encoded.labels
    assert read.border == wrote.border
    again = record(model, read.text, target=read.target)
    assert again.tokens == wrote.tokens and again.parts == wrote.parts
    for part in again.parts:
        for layer in again.map(part).open_layers:
            torch.testing.assert_close(
                again.map(part).weights(layer), wrote.map(part).weights(layer), atol=1e-5, rtol=0
            )


def test_an_answer_is_a_text_only_where_that_is_cut_into_the_same_tokens(model: Model) -> None:
    ids = cut_alone(model, "the dog sat")
    assert answer_text(model, ids) is not None
    assert cut_alone(model, answer_text(model, ids) or "") == ids
    pieces = [model.tokenizer.convert_tokens_to_ids(one) for one in ("##s", "the")]  # a piece that goes on a word
    assert answer_text(model, pieces) is None
    assert answer_text(model, []) is None
    assert answer_text(model, [10**6]) is None


def test_the_built_in_model_writes_chinese_that_a_link_holds_as_text() -> None:
    model = load("lab-gpt")
    wrote = generate(model, "南京市长江大桥", most=12)
    ids = answer_ids(model, wrote, "南京市长江大桥")
    said = answer_text(model, ids)
    assert len(ids) == len(wrote.tokens) - (wrote.border or 0)
    assert said is not None and " " not in said and cut_alone(model, said) == ids
    assert resumed(model, cut_alone(model, said), "南京市长江大桥").text.ids == wrote.encoded.ids


@pytest.mark.parametrize("number", [-1, 10**4, 2**40])
def test_a_token_that_the_model_has_no_row_for_is_refused(number: int, model: Model) -> None:
    with pytest.raises(ModelError) as told:
        resumed(model, [1, number], TEXT)
    assert told.value.message == "tokens_beyond_model"


def test_the_last_row_is_one_and_the_next_is_none(model: Model) -> None:
    rows = embedding_rows(model.network)
    assert resumed(model, [rows - 1], TEXT)
    with pytest.raises(ModelError) as told:
        resumed(model, [rows], TEXT)
    assert told.value.values["token"] == str(rows) and told.value.values["rows"] == rows


def test_an_answer_longer_than_the_model_reads_is_refused(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    short = load(tiny.save("causal", "gpt2", tmp_path, wordpiece, n_positions=12))
    assert short.limit == 12
    whole = resumed(short, [7] * 9, "the cat")  # after [CLS] the cat
    assert len(whole.text.ids) == 12 and record(short, whole.text).tokens
    for text, count in (("the cat", 10), ("the cat " * 9, 1)):
        with pytest.raises(TextError) as told:
            resumed(short, [7] * count, text)
        assert told.value.message == "text_leaves_no_room"


@pytest.mark.parametrize("text", ["", " \n", "\u200b"])
def test_a_text_that_cannot_be_read_is_refused_as_ever(text: str, model: Model) -> None:
    with pytest.raises(AttnvizError):
        resumed(model, [1], text)
