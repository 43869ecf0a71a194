"""A model and a text that do not go together: one sentence, whatever the forward pass does; and damaged weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedTokenizerBase

from attnviz import AttnvizError, ModelError, TextError, generate, load, record
from attnviz.recording.checks import check_numbers
from tests.parity import captioning, hearing, series, tiny, vision

TEXT = "南京市长江大桥, the cat sat on the mats"
TOWER = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48)


def two_towers(name: str, tokenizer: PreTrainedTokenizerBase) -> torch.nn.Module:
    """A small model of pictures and texts."""
    text = dict(vocab_size=len(tokenizer), max_position_embeddings=64, **TOWER)
    image = dict(image_size=28, patch_size=14, **TOWER)
    if name == "Blip":
        text["encoder_hidden_size"] = 32
    config = getattr(transformers, f"{name}Config")(text_config=text, vision_config=image)
    return getattr(transformers, f"{name}Model")(config)


WANTED = {"Blip": "neither writes captions nor answers questions"}  # the others want "more than a text"


@pytest.mark.parametrize("name", ["CLIP", "Siglip", "ChineseCLIP", "Blip"])
def test_model_that_wants_a_picture_too_is_refused(
    name: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    two_towers(name, wordpiece).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=WANTED.get(name, "more than a text")):
        record(load(str(tmp_path)), TEXT)


def test_limit_below_zero_is_no_limit(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    config = transformers.XLNetConfig(vocab_size=len(wordpiece), d_model=32, n_layer=2, n_head=4, d_inner=48)
    transformers.XLNetLMHeadModel(config).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    assert config.max_position_embeddings == -1
    model = load(str(tmp_path))
    assert model.limit is None or model.limit > 0
    assert len(record(model, TEXT).tokens) > 5


def test_token_beyond_the_embedding_is_named(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece, vocab_size=len(wordpiece) - 3)
    last = wordpiece.convert_ids_to_tokens(len(wordpiece) - 1)
    with pytest.raises(ModelError, match="resize_token_embeddings") as refused:
        record(load(str(tmp_path)), f"the {last.removeprefix('##')}{last.removeprefix('##')}{last}")
    assert refused.value.values["rows"] == len(wordpiece) - 3


def test_target_beyond_the_decoder_is_refused(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("seq2seq", "bart", tmp_path, wordpiece, decoder_start_token_id=wordpiece.cls_token_id, d_model=32)
    model = load(str(tmp_path))
    with pytest.raises(TextError, match="at most 64"):
        record(model, TEXT, target="the cat " * 60)


def damage(network: torch.nn.Module, part: str) -> None:
    """Make one weight no number, in the parameter whose name ends in `part`."""
    found = next(one for name, one in network.named_parameters() if name.endswith(part))
    with torch.no_grad():
        found.view(-1)[-1] = torch.nan if "query" in part or "head" in part else torch.inf


DAMAGED = [
    ("masked", "bert", "layer.1.attention.self.query.weight"), ("masked", "bert", "layer.0.output.dense.bias"),
    ("causal", "llama", "lm_head.weight"), ("causal", "llama", "layers.0.self_attn.q_proj.weight"),
    ("seq2seq", "t5", "encoder.block.0.layer.0.SelfAttention.q.weight"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "model_type", "part"), DAMAGED)
def test_weights_that_are_no_numbers_are_not_opened(
    kind: str, model_type: str, part: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    tiny.save(kind, model_type, tmp_path, wordpiece)
    network = tiny.MAKERS[kind].from_pretrained(tmp_path)
    damage(network, part)
    network.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="no numbers"):
        load(str(tmp_path))


@pytest.mark.parametrize(("kind", "model_type", "part"), DAMAGED)
def test_weights_that_are_no_numbers_are_not_drawn(
    kind: str, model_type: str, part: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    tiny.save(kind, model_type, tmp_path, wordpiece)
    model = load(str(tmp_path))
    damage(model.network, part)
    with pytest.raises(ModelError, match="no numbers"):
        record(model, TEXT)
    if kind != "masked":
        with pytest.raises(ModelError, match="no numbers"):
            generate(model, TEXT, most=3)


@pytest.mark.parametrize(
    "saved",
    [
        lambda place: vision.saved(place, vision.network("vit")),
        lambda place: hearing.saved(place, "whisper"),
        lambda place: series.saved(place, "patchtst"),
        lambda place: captioning.saved(place, "blip captions"),
        lambda place: captioning.saved(place, "llava"),
    ],
    ids=["vision", "hearing", "series", "captioning", "vision and text"],
)
def test_no_kind_of_model_is_opened_with_weights_that_are_no_numbers(
    saved: Callable[[Path], Path], tmp_path: Path
) -> None:
    file = saved(tmp_path) / "model.safetensors"
    held = load_file(file)
    part = next(name for name in held if "q_proj.weight" in name or "query" in name or "qkv" in name)
    held[part].view(-1)[0] = torch.nan
    save_file(held, file, {"format": "pt"})
    with pytest.raises(ModelError, match="no numbers") as refusal:
        load(tmp_path)
    assert refusal.value.message == "weights_hold_nan"


class Touched(TorchDispatchMode):
    """Counts the numbers that PyTorch's operations are given."""

    count = 0

    def __torch_dispatch__(self, function, types, given=(), named=None):  # type: ignore[no-untyped-def]
        self.count += sum(one.numel() for one in given if isinstance(one, torch.Tensor))
        return function(*given, **(named or {}))


def test_noticing_what_is_no_number_reads_less_than_a_hundredth_of_what_a_run_multiplies() -> None:
    model = load("lab-4")
    ids = torch.tensor([record(model, TEXT * 8).encoded.ids])
    with torch.inference_mode(), FlopCounterMode(display=False) as run:
        result = model.network(input_ids=ids, output_hidden_states=True)
    with torch.inference_mode(), Touched() as check:
        check_numbers(result, "lab-4")
    assert 0 < check.count < 0.01 * run.get_total_flops()


def test_a_model_that_fails_in_the_middle_is_a_sentence_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load("lab-4")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(type(model.network), "forward", broken)
    with pytest.raises(AttnvizError) as refused:
        record(model, TEXT)
    assert refused.value.message == "run_failed" and "mat1" not in refused.value.say("zh")
    assert "合不来" in refused.value.say("zh")
