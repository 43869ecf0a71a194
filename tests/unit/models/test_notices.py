"""What a folder holds and is not used is said in one line; an adapter beside the weights is applied or named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import ElectraConfig, ElectraForPreTraining, PreTrainedTokenizerBase

from attnviz import load, record
from attnviz.notices import AttnvizWarning
from tests.parity import tiny

QUERY = "bert.encoder.layer.1.attention.self.query"
TEXT = "the cat sat"


@pytest.fixture
def folder(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> Path:
    return tiny.save("masked", "bert", tmp_path, wordpiece)


def noticed(folder: Path) -> list[str]:
    """The notices of a model, each of them also a warning and a sentence in both languages."""
    with pytest.warns(AttnvizWarning) as heard:
        model = load(str(folder))
    assert [str(one.message) for one in heard] == [f"attnviz: {notice}" for notice in model.notices]
    assert all(str(folder) in notice.say(language) for notice in model.notices for language in ("en", "zh"))
    return [notice.message for notice in model.notices]


def add(folder: Path, **tensors: torch.Tensor) -> None:
    held = load_file(folder / "model.safetensors")
    save_file(held | tensors, folder / "model.safetensors", metadata={"format": "pt"})


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def adapter(folder: Path, tensors: dict[str, torch.Tensor], **said: object) -> None:
    config = {"peft_type": "LORA", "base_model_name_or_path": "me/base", "r": 2, "lora_alpha": 6} | said
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "adapter_model.safetensors")


def pair(module: str = QUERY) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    sides = {"A": torch.randn(2, 32, generator=generator), "B": torch.randn(32, 2, generator=generator)}
    return {f"base_model.model.{module}.lora_{side}.weight": one for side, one in sides.items()}


def test_nothing_is_said_of_a_folder_whose_all_is_used(folder: Path) -> None:
    assert load(str(folder)).notices == load("lab-4").notices == ()


def test_code_that_is_not_run_is_said(folder: Path) -> None:
    edit(folder, auto_map={"AutoModel": "modeling_own.Own"})
    (folder / "modeling_own.py").write_text("raise SystemExit\n")
    assert noticed(folder) == ["code_ignored"]


def test_weights_without_a_place_are_counted_and_named(folder: Path) -> None:
    add(folder, **{"bert.encoder.layer.0.attention.self.q_norm.weight": torch.ones(8)})
    assert noticed(folder) == ["weights_unused"]


def test_head_that_is_not_used_is_named(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    ElectraForPreTraining(ElectraConfig(vocab_size=len(wordpiece), **sizes)).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    assert noticed(tmp_path) == ["head_unused"]
    assert "ElectraForPreTraining" in str(load(str(tmp_path)).notices[0])


def test_tokenizer_beyond_its_model_is_said(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece, vocab_size=len(wordpiece) - 3)
    assert noticed(tmp_path) == ["tokenizer_larger"]


@pytest.mark.parametrize(("said", "scale"), [({}, 6 / 2), ({"use_rslora": True}, 6 / 2**0.5)], ids=["plain", "rs"])
def test_lora_beside_the_weights_is_applied_to_a_copy(folder: Path, said: dict[str, object], scale: float) -> None:
    before = (folder / "model.safetensors").read_bytes()
    adapter(folder, pair(), **said)
    assert noticed(folder) == ["adapter_merged"]
    model = load(str(folder))
    reference = tiny.eager("masked", folder)
    low, high = pair().values()
    reference.get_submodule(QUERY).register_forward_hook(
        lambda _, given, output: output + scale * (given[0] @ low.T @ high.T)
    )
    trace = record(model, TEXT)
    with torch.no_grad():
        theirs = reference(torch.tensor([trace.encoded.ids]), output_attentions=True)
    for layer, weights in enumerate(theirs.attentions):
        assert torch.allclose(trace.weights(layer=layer), weights[0], atol=1e-5)
    assert torch.allclose(trace.logits, theirs.logits[0], atol=1e-4)
    assert (folder / "model.safetensors").read_bytes() == before


LEFT_OUT = {
    "half of a pair": (dict([*pair().items()][:1]), {}),
    "a module that is not there": (pair("bert.encoder.layer.9.attention.self.query"), {}),
    "another kind": (pair(), {"peft_type": "IA3"}),
    "DoRA": (pair(), {"use_dora": True}),
    "one of two has no place": (pair() | pair("bert.nowhere"), {}),
    "a bias of another length": (pair() | {"base_model.model.cls.predictions.bias": torch.ones(3)}, {}),
}


@pytest.mark.parametrize(("tensors", "said"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_adapter_that_cannot_be_applied_whole_is_named_and_left_out(
    tensors: dict[str, torch.Tensor], said: dict[str, object], folder: Path
) -> None:
    alone = record(load(str(folder)), TEXT)
    adapter(folder, tensors, **said)
    assert noticed(folder) == ["adapter_left_out"]
    assert torch.equal(record(load(str(folder)), TEXT).weights(1), alone.weights(1))


ENCODERS = ("T5EncoderModel", "MT5EncoderModel", "UMT5EncoderModel", "T5ForTokenClassification")


@pytest.mark.parametrize(("name", "named"), [*((name, True) for name in ENCODERS), ("T5EncoderModel", False)])
def test_encoder_saved_alone_is_read_as_one(
    name: str, named: bool, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    sizes = dict(d_model=32, num_layers=2, num_heads=4, d_kv=8, d_ff=64, decoder_start_token_id=0)
    maker = getattr(transformers, name)
    maker(maker.config_class(vocab_size=len(wordpiece), **sizes)).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    if not named:
        edit(tmp_path, architectures=None)
    trace = record(load(str(tmp_path)), TEXT)
    theirs = maker.from_pretrained(tmp_path, attn_implementation="eager")
    given = torch.tensor([trace.encoded.ids])
    for layer, weights in enumerate(theirs(given, output_attentions=True).attentions):
        assert torch.allclose(trace.weights(layer=layer), weights[0], atol=1e-5)
    assert (trace.kind, trace.logits) == ("token" if name.endswith("TokenClassification") else "plain", None)
