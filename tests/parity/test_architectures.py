"""Each type of model against transformers' own eager attention. `python -m tests.parity.architectures` prints it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load, record
from attnviz.adapter import registered as interface
from attnviz.messages import LANGUAGES
from tests.parity.architectures import ARCHITECTURES, build, measure, way_of
from tests.parity.architectures.__main__ import main

READABLE = [name for name, one in ARCHITECTURES.items() if one.refused is None]
REFUSED = [name for name, one in ARCHITECTURES.items() if one.refused is not None]
REFUSED_TEXTS = [name for name in REFUSED if "input_ids" in ARCHITECTURES[name].inputs]
FAMILIES = {
    "text encoder", "decoder", "mixture of experts", "hybrid", "encoder-decoder", "vision", "audio", "image and text",
}  # fmt: skip
# The layers without attention, by their configurations in architectures/text.py and other.py.
HOLES = {
    "jamba": {0: "state_space", 2: "state_space"},
    "zamba": {0: "state_space", 2: "state_space"},
    "zamba2": {0: "state_space", 2: "state_space"},
    "bamba": {0: "state_space", 2: "state_space"},
    "granitemoehybrid": {0: "state_space"},
    "nemotron_h": {0: "state_space", 2: "other"},
    "recurrent_gemma": {0: "state_space", 1: "state_space"},
    "lfm2": {0: "convolution"},
    "qwen3_next": {0: "linear"},
    "qwen3_5_text": {0: "linear"},
    "olmo_hybrid": {0: "linear"},
    "kimi_linear": {0: "linear"},
    "minimax": {1: "linear"},
    "swin": {0: "windows"},
}
TRIPLE = {"encoder", "decoder", "cross"}
PARTLY = {"longt5": {"decoder", "cross"}, "prophetnet": {"decoder"}}
PAIR = {"text_model", "vision_model"}
BESIDE = {
    "vilt": {"self"},
    "llava": {"vision_tower", "language_model"},
    "paligemma": {"vision_tower", "language_model"},
}


@pytest.mark.parametrize("name", READABLE)
def test_every_head_of_every_type_equals_eager_attention(name: str) -> None:
    found = measure(name)
    assert found.refusal is None
    assert found.weights < 1e-5  # worst seen 2.7e-06, in Zamba2; without it 1.2e-06


@pytest.mark.parametrize("name", READABLE)
def test_recording_every_type_leaves_its_output_as_it_was(name: str) -> None:
    assert measure(name).output < 1e-5  # of values up to 30; worst seen 6.4e-06, in Zamba2; without it 2.9e-06


@pytest.mark.parametrize("name", READABLE)
def test_every_type_has_its_maps_layers_and_heads(name: str) -> None:
    found, architecture = measure(name), ARCHITECTURES[name]
    config = build(architecture, "eager").config
    if architecture.family == "image and text":
        assert found.sizes.keys() == BESIDE.get(name, PAIR)
    else:
        assert found.sizes.keys() == (PARTLY.get(name, TRIPLE) if config.is_encoder_decoder else {"self"})
    depths = {getattr(config, key, None) for key in ("num_hidden_layers", "encoder_layers", "num_layers")} - {None}
    heads = 2 if name == "convbert" else 4  # ConvBERT gives half of its heads to convolutions
    for layers, counted in found.sizes.values():
        assert counted == heads
        assert layers in (depths or {2})
    assert found.holes == HOLES.get(name, {})


@pytest.mark.parametrize("name", REFUSED)
def test_type_that_cannot_be_read_says_why_in_both_languages(name: str) -> None:
    refusal = measure(name).refusal
    assert refusal is not None
    assert refusal.message == ARCHITECTURES[name].refused
    sentences = [refusal.say(language) for language in LANGUAGES]
    assert all(name in sentence for sentence in sentences)
    assert len(set(sentences)) == len(LANGUAGES)


@pytest.mark.parametrize("name", REFUSED_TEXTS)
def test_person_who_loads_such_a_type_gets_the_sentence_each_time(
    name: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    build(ARCHITECTURES[name], "eager").save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    model = load(str(tmp_path))
    for _ in range(2):
        with pytest.raises(ModelError) as refusal:
            record(model, "the cat sat")
        assert refusal.value.message == ARCHITECTURES[name].refused


def test_map_padded_beyond_the_text_is_refused(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    """BigBird's sparse attention, which only long texts get, fills its last block with tokens that are not there."""
    sparse = {"attention_type": "block_sparse", "block_size": 4, "num_random_blocks": 1}
    architecture = ARCHITECTURES["big_bird"]
    build(replace(architecture, numbers=architecture.numbers | sparse), "eager").save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    model = load(str(tmp_path))
    model.network.set_attention_type("block_sparse")  # `load` does not let it come to that
    with pytest.raises(ModelError) as refusal:
        record(replace(model, limit=64), "the cat " * 20)  # 42 tokens
    assert refusal.value.message == "model_not_by_token"


def test_at_least_60_types_of_all_families_are_read() -> None:
    assert len(READABLE) >= 150
    for family in FAMILIES:
        assert sum(ARCHITECTURES[name].family == family for name in READABLE) >= 8
    assert {one.family for one in ARCHITECTURES.values()} == FAMILIES
    attended = [name for name in READABLE if measure(name).way == "attend"]
    assert len(attended) >= 120


def test_count_of_networks_in_memory_is_as_contributors_are_told() -> None:
    """README's count is another: that of `front_door`, where people come in."""
    attended = sum(way_of(ARCHITECTURES[name]) == interface.ATTENTION for name in READABLE)
    counts = (len(ARCHITECTURES), len(READABLE), attended, len(READABLE) - attended, len(REFUSED))
    said = re.search(
        r"Of (\d+) model types .*? (\d+) are read: (\d+) through .*?, (\d+) by the weights .*?; (\d+) say",
        (Path(__file__).parents[2] / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8"), flags=re.S,
    )  # fmt: skip
    assert said is not None and tuple(map(int, said.groups())) == counts


@pytest.mark.parametrize("model_type", sorted(interface.EAGER_TYPES))
def test_types_to_be_loaded_eager_cannot_be_read_through_the_interface(model_type: str) -> None:
    """When this fails, transformers has put the type on its attention interface: take it off the list."""
    architecture = ARCHITECTURES.get(model_type)
    if architecture is None:
        from transformers.models.git import modeling_git

        assert modeling_git.GIT_SELF_ATTENTION_CLASSES.keys() == {"eager"}
        return
    interface.register()
    network = build(architecture, interface.ATTENTION)
    with interface.recording(network) as seen, torch.inference_mode():
        network(**architecture.inputs)
    assert "encoder" not in interface.maps(network, seen.steps[-1])


def test_command_prints_a_row_for_each_type(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bert", "jamba", "t5", "mpnet", "longformer", "canine"])
    printed = capsys.readouterr().out
    assert "| bert | text encoder | attend | self 2 x 4 |" in printed
    assert "| jamba | hybrid | attend | self 4 x 4; layer 0: state_space; layer 2: state_space |" in printed
    assert "| t5 | encoder-decoder | attend | encoder 2 x 4, decoder 2 x 4, cross 2 x 4 |" in printed
    assert "| mpnet | text encoder | eager | self 2 x 4 | 0.0e+00 |" in printed
    assert "every token against every token: there is no map to draw; choose another model. / canine 按窗口" in printed
    assert "| longformer | text encoder | eager | self 2 x 4 | 0.0e+00 |" in printed
    assert "5 of 6 types are read; worst gap" in printed
    assert "3 through the engine's own function, 2 by the weights that they return." in printed


def test_command_says_where_a_type_without_a_configuration_belongs() -> None:
    with pytest.raises(SystemExit, match=r"configuration of new yet: add one to tests/parity/architectures/"):
        main(["bert", "new"])
