"""One way to open and to record every system of the family, and one place that knows which there are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import metadata_load

import attnviz as av
from attnviz.core.gates import Gate
from attnviz.models import BUILT_IN, read_card
from attnviz.models import load as load_model
from attnviz.shipped import WEIGHTS
from attnviz.systems import kinds, open_system
from attnviz.systems.protocol import System
from attnviz.text.tokens import Encoded

SYSTEMS = sorted(kinds())
TEXTS = {
    "acting": ("doorkey 8 3", {}),
    "captions": ("cat 4 2, dog 36 34", {}),
    "graph": ("2163", {}),
    "hierarchical": ("A dull film. But the music is good!", {}),
    "positions": ("狗咬人。", {}),
    "speech": ("jackson 307", {}),
    "series": ("2014-02-20 08:00", {}),
    "recommendation": ("Alien (1979)\nThe Matrix\nToy Story", {}),
    "target": ("狗在花园里睡觉。", {"target": "dog"}),
    "translation": ("我喜欢喝茶。", {}),
}
ALONE = {
    "agent-tasks": "goto 8 3",
    "agent-dt": "doorkey 5 3",
    "nmt-en-zh": "I like tea.",
    "nmt-en-zh-plain": "I like tea.",
    "han-topics": "你喜欢看电影吗？喜欢。",
}


def asked(name: str) -> tuple[str, dict[str, Any]]:
    """A text for a system, and what it must be told beside."""
    text, beside = TEXTS[kinds()[name]]
    return ALONE.get(name, text), dict(beside)


def same(first: av.Trace, second: av.Trace) -> None:
    assert first.parts == second.parts and first.rule == second.rule
    for part in first.parts:
        one, other = first.map(part), second.map(part)
        assert (one.tokens, one.key_tokens) == (other.tokens, other.key_tokens)
        assert all(torch.equal(one.weights(layer), other.weights(layer)) for layer in one.open_layers)


def test_every_shipped_folder_is_a_built_in_model_or_a_system() -> None:
    folders = {path.name for path in WEIGHTS.iterdir() if (path / "config.json").is_file()}
    assert folders == {*SYSTEMS, *BUILT_IN}


def test_every_folder_of_code_is_a_system() -> None:
    folder = Path(sys.modules["attnviz.systems"].__file__ or "").parent
    folders = {path.parent.name for path in folder.glob("*/system.py")}
    assert folders == set(kinds().values()) == set(TEXTS)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_opened_by_its_name_and_keeps_the_promise(name: str) -> None:
    system = av.load(name)
    assert isinstance(system, System) and system.name == name and system is open_system(name)
    assert system.licence == metadata_load(WEIGHTS / name / "README.md")["license"]
    card = read_card(name)
    assert card is not None and card.model == name


@pytest.mark.parametrize("name", SYSTEMS)
def test_parameters_are_the_numbers_that_were_trained(name: str) -> None:
    from safetensors.torch import load_file

    tensors = load_file(WEIGHTS / name / "model.safetensors")
    trained = sum(one.numel() for key, one in tensors.items() if not key.startswith("known."))
    system = av.load(name)
    assert isinstance(system, System) and system.parameters == trained


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("rule", [None, av.Argmax()])
def test_record_does_what_read_does(name: str, rule: av.Rule | None) -> None:
    system, (text, beside) = av.load(name), asked(name)
    if name.endswith("-plain") and rule is not None:
        with pytest.raises(av.ModelError) as refusal:
            av.record(system, text, rule=rule)
        assert refusal.value.message == "model_without_attention"
        return
    found = av.record(system, text, rule=rule, **beside)
    same(found, system.read(text, rule=rule, **beside))
    own = Gate() if name == "din-films" else av.Soft()  # the one whose weights are not normalised
    assert found.rule == (rule or own) and found.model == name


def test_reading_is_translating_and_looking() -> None:
    way, words = av.load("nmt-zh-en"), av.load("target-words")
    same(way.read("我喜欢你。", target="I love you."), way.translate("我喜欢你。", target="I love you."))
    same(words.read("狗睡觉。", target="dog", similarity="dot"), words.look("dog", "狗睡觉。", similarity="dot"))


@pytest.mark.parametrize(
    ("name", "beside", "what"),
    [
        ("han-reviews", {"blank": 1}, "blank"),
        ("positions-none", {"interventions": [av.RemoveHeads((0, 0))]}, "interventions"),
        ("nmt-zh-en", {"values": False, "predictions": False}, "values, predictions"),
        ("han-reviews", {"target": "a film"}, "target"),
        ("positions-rotary", {"target": "狗"}, "target"),
    ],
)
def test_what_a_system_cannot_be_asked_for_is_a_sentence(name: str, beside: dict[str, Any], what: str) -> None:
    with pytest.raises(av.AttnvizError) as refusal:
        av.record(av.load(name), asked(name)[0], **beside)
    assert refusal.value.message == "system_cannot"
    assert all(name in refusal.value.say(language) and what in refusal.value.say(language) for language in ("zh", "en"))


def test_a_text_cut_by_another_model_is_refused() -> None:
    cut = Encoded("狗", (5,), ("狗",), ((0, 1),), (False,), None)
    with pytest.raises(av.AttnvizError) as refusal:
        av.record(av.load("nmt-zh-en"), cut)
    assert refusal.value.message == "system_cannot"


def test_target_words_ask_for_their_target() -> None:
    with pytest.raises(av.TextError) as refusal:
        av.record(av.load("target-words"), "狗在睡觉。")
    assert refusal.value.message == "target_empty"


def test_a_system_does_not_write_on() -> None:
    with pytest.raises(av.ModelError) as refusal:
        av.generate(av.load("han-reviews"), "a film")
    assert refusal.value.message == "model_writes_nothing"


def test_other_names_are_opened_as_models() -> None:
    assert isinstance(av.load("lab-1"), av.Model)
    for name in ("./nowhere", "a b"):
        with pytest.raises(av.ModelError) as refusal:
            av.load(name)
        with pytest.raises(av.ModelError) as expected:
            load_model(name)
        assert (refusal.value.message, refusal.value.say("en")) == (expected.value.message, expected.value.say("en"))


@pytest.mark.parametrize("name", ["han-topics", "nmt-zh-en", "nmt-en-zh-plain"])
def test_a_system_of_its_own_text_needs_no_transformers(name: str) -> None:
    text = asked(name)[0]
    code = (
        f"import sys, attnviz as av; av.record(av.load({name!r}), {text!r});"
        "print(*sorted({'transformers', 'streamlit', 'plotly'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=WEIGHTS.parents[1]
    )
    assert done.stdout.strip() == ""


@dataclass(frozen=True)
class Damage:
    """What is done to a copy of a folder, and the message that it leads to."""

    file: str
    content: bytes | None
    message: str


@pytest.mark.parametrize("name", ["han-reviews", "nmt-zh-en"])
@pytest.mark.parametrize(
    "damage",
    [
        Damage("config.json", None, "folder_no_config"),
        Damage("config.json", b"{", "file_unreadable"),
        Damage("config.json", b"[]", "file_unreadable"),
        Damage("config.json", b"{}", "model_not_loaded"),
        Damage("model.safetensors", None, "no_weights"),
        Damage("model.safetensors", b"12345678", "weights_corrupt"),
    ],
    ids=lambda damage: f"{damage.file} {damage.content!r}",
)
def test_a_damaged_folder_is_a_sentence(name: str, damage: Damage, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(WEIGHTS / name, folder)
    (folder / damage.file).unlink()
    if damage.content is not None:
        (folder / damage.file).write_bytes(damage.content)
    system = sys.modules[f"attnviz.systems.{kinds()[name]}.system"]
    with pytest.raises(av.ModelError) as refusal:
        system.load(str(folder))
    assert refusal.value.message == damage.message


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    for kind in ("hierarchical", "translation"):
        with pytest.raises(av.ModelError) as refusal:
            sys.modules[f"attnviz.systems.{kind}.system"].load(str(tmp_path / "nowhere"))
        assert refusal.value.message == "folder_missing"
