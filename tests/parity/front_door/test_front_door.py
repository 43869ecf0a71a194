"""The table of model types as people meet them: `table.md`, its figures, and the types that go a way of their own.

The whole table takes some minutes: `python -m tests.parity.front_door --save` writes it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from attnviz import load, record
from attnviz.models import Model
from tests.parity.front_door import DOORS, enter, save
from tests.parity.front_door.__main__ import cells, main, saved

ROOT = Path(__file__).parents[3]
# Each for what sets it apart, in loading, in its tokenizer, in what it hands its attention or in what it returns.
APART = (
    "xlnet", "xlm", "flaubert", "fsmt", "esm", "ibert", "lilt", "luke", "mpt", "markuplm", "longformer", "big_bird",
    "led", "prophetnet", "m2m_100", "mbart", "nllb-moe", "marian", "pegasus_x", "t5", "gemma3n_text", "gemma4_text",
    "dots3_note_text", "tapas",
    "deepseek_v32", "hy_v4", "minimax_m3_vl_text", "inkling2_text", "granitemoe_swa", "modernvbert", "gemma3",
    "qwen2_vl", "llava", "mistral3", "jamba", "gpt2", "bert", "vit", "deit", "dinov2", "dinov2_with_registers",
    "clip_vision_model", "siglip_vision_model", "beit", "swin", "clip", "siglip",
    "wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "data2vec-audio", "audio-spectrogram-transformer",
    "whisper", "moonshine", "patchtst", "time_series_transformer", "informer",
)  # fmt: skip
# Those that are not read, with the id of the sentence that a person gets.
REFUSED = {
    "dinov3_vit": "not_text", "sew": "not_text", "speech_to_text": "not_text", "autoformer": "series_correlates",
    "chinese_clip": "model_needs_more",
    "altclip": "model_needs_more", "blip": "model_captions", "bros": "run_failed", "layoutlmv3": "text_not_cut",
    "udop": "text_not_cut", "canine": "model_not_by_token", "reformer": "model_not_by_token",
    "deepseek_v4": "model_not_by_token", "perceiver": "model_not_by_token", "hrm_text": "model_no_attention",
    "fnet": "model_without_attention", "mamba": "model_without_attention",
}  # fmt: skip


ROWS = saved()


def test_saved_table_has_every_type_and_none_ends_in_a_traceback() -> None:
    assert ROWS.keys() == DOORS.keys()
    assert {row[4] for row in ROWS.values()} == {"attend", "eager", "not"}


def test_at_least_176_types_are_read_as_eager_attention_weighs_them() -> None:
    read = [row for row in ROWS.values() if row[4] != "not"]
    assert len(read) >= 176
    assert all(float(row[6]) < 1e-5 for row in read)


@pytest.mark.parametrize("name", APART)
def test_folder_of_a_type_is_read_as_transformers_alone_reads_it(name: str) -> None:
    found = enter(name)
    assert found.fault is None and found.refused is None
    assert found.weights < 1e-5
    assert found.output < 1e-4  # values of up to 30; the worst of all types stands under the table
    assert cells(found)[:6] == ROWS[name][:6]


@pytest.mark.parametrize(("name", "sentence"), REFUSED.items())
def test_folder_that_cannot_be_read_says_why_in_both_languages(name: str, sentence: str) -> None:
    found = enter(name)
    assert found.fault is None and found.refused == sentence
    assert len(set(found.sentences)) == 2
    assert cells(found)[:5] == ROWS[name][:5]
    assert ROWS[name][5].startswith(f"`{sentence}`")


def test_without_predictions_layers_that_share_keys_still_have_a_row_for_each_token(tmp_path: Path) -> None:
    """Asked for the last token's prediction alone, Gemma 4 computes these layers for that token alone."""
    save(DOORS["gemma4_text"], tmp_path / "gemma4_text")
    model = load(tmp_path / "gemma4_text")
    assert isinstance(model, Model)
    long = replace(model, limit=None)
    trace = record(long, "the cat sat " * 150, predictions=False)  # beyond 1,024 tokens states are not asked for
    tokens = len(trace.tokens)
    assert tokens > 1024
    assert {trace.attention(layer).queries.shape[-2] for layer in range(2)} == {tokens}


@pytest.mark.parametrize("file", ["README.md", "CHANGELOG.md"])
def test_figures_that_people_are_told_are_those_of_the_table(file: str) -> None:
    ways = [row[4] for row in ROWS.values()]
    counts = (len(ways), len(ways) - ways.count("not"), ways.count("attend"), ways.count("eager"), ways.count("not"))
    said = re.search(
        r"Of (\d+) model types .*? (\d+) are read: (\d+) through .*?, (\d+) by the weights .*?; (\d+) say",
        (ROOT / file).read_text(encoding="utf-8"), flags=re.S,
    )  # fmt: skip
    assert said is not None and tuple(map(int, said.groups())) == counts


def test_command_prints_a_row_for_each_type_and_counts_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bert", "sew"]) == 0
    printed = capsys.readouterr().out
    assert "| bert | text encoder | BertForMaskedLM | BertTokenizer | attend | self 2 x 4 |" in printed
    assert "| sew | audio | SEWModel | TokenizersBackend | not | `not_text`: " in printed
    assert "1 of 2 types are read: 1 through the engine's own function, 0 by the weights that they return;" in printed
    assert "1 say in a sentence why not, 0 end in a traceback." in printed


def test_command_says_where_a_type_without_a_configuration_belongs() -> None:
    with pytest.raises(SystemExit, match=r"configuration of new yet: add one to tests/parity/front_door/more.py"):
        main(["bert", "new"])
