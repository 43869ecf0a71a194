"""What a folder's generation_config.json asks for: followed where one run can be joined of it, left out where not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import generate, load, record
from tests.parity import tiny

TEXT = "the cat sat on the mat"


@pytest.mark.parametrize("model_type", ["llama", "bart"])
def test_cache_that_the_folder_asks_for_is_left_out_where_it_does_not_grow(
    model_type: str, tmp_path: Path, byte_level: PreTrainedTokenizerBase
) -> None:
    kind = tiny.kind_of(model_type)
    tiny.save(kind, model_type, tmp_path, byte_level, decoder_start_token_id=0, d_model=32)
    plain = generate(load(str(tmp_path)), TEXT, most=4)
    say(tmp_path, cache_implementation="static")
    trace = generate(load(str(tmp_path)), TEXT, most=4)
    assert trace.tokens == plain.tokens
    torch.testing.assert_close(trace.weights(0), plain.weights(0))


def test_decoder_begins_with_one_token_where_config_and_settings_name_two(
    tmp_path: Path, byte_level: PreTrainedTokenizerBase
) -> None:
    tiny.save("seq2seq", "bart", tmp_path, byte_level, decoder_start_token_id=3, d_model=32)
    say(tmp_path, decoder_start_token_id=7)
    trace = generate(load(str(tmp_path)), TEXT, most=4)
    again = record(load(str(tmp_path)), TEXT, target=trace.encoded)
    assert trace.weights(0).shape[-2:] == (len(trace.tokens), len(trace.key_tokens))
    torch.testing.assert_close(trace.weights(0), again.weights(0), atol=1e-5, rtol=0)


def say(folder: Path, **settings: object) -> None:
    """Write settings into a folder's generation_config.json."""
    file = folder / "generation_config.json"
    said = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps(said | settings))
