"""Names as people type and paste them: each leads where it was meant to, or is told what it is."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load
from attnviz.models.address import OnHub, on_hub
from attnviz.notices import AttnvizWarning
from tests.parity import tiny


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("google-bert/bert-base-chinese@main", OnHub("google-bert/bert-base-chinese", "main")),
        ("a/b@refs/pr/3", OnHub("a/b", "refs/pr/3")),
        ("gpt2@607a30d7", OnHub("gpt2", "607a30d7")),
        ("google-bert／bert-base-chinese", OnHub("google-bert/bert-base-chinese")),
        ("google-bert / bert-base-chinese", OnHub("google-bert/bert-base-chinese")),
        ("ｇｐｔ２", OnHub("gpt2")),
        ("a/b＠v1.0", OnHub("a/b", "v1.0")),
        ("模型/一", None),
        ("a/b@", None),
        ("@main", None),
        ("llama3:8b", None),
        ("google bert", None),
    ],
)  # fmt: skip
def test_an_id_is_read_with_its_revision_and_as_a_chinese_keyboard_types_it(text: str, found: OnHub | None) -> None:
    assert on_hub(text) == found


@pytest.mark.parametrize(
    "way",
    [
        "{place}/", "{place}//", "{place}/../{name}/.", "file://{quoted}", "{place}/config.json",
        "{place}/tokenizer.json", "{place}/model.safetensors", " '{place}' ", "\u202a{place}",
    ],
)  # fmt: skip
def test_a_folder_with_chinese_characters_and_blanks_is_found(
    way: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = tiny.save("masked", "bert", tmp_path / "我的 模型（新）", wordpiece)
    assert load(way.format(place=place, name=place.name, quoted=quote(str(place)))).kind == "masked"


def test_a_link_to_a_folder_is_the_folder_and_one_to_itself_is_none(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = tiny.save("masked", "bert", tmp_path / "model", wordpiece)
    (tmp_path / "link").symlink_to(place)
    (tmp_path / "loop").symlink_to("loop")
    assert load(tmp_path / "link").kind == "masked"
    with pytest.raises(ModelError) as told:
        load(tmp_path / "loop")
    assert told.value.message == "folder_missing"
    shutil.rmtree(place)
    with pytest.raises(ModelError):
        load(tmp_path / "link")


def test_a_folder_in_a_folder_that_may_not_be_read_is_passed_over(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests may run as root, who may read everything: the refusal is made here."""
    tiny.save("masked", "bert", tmp_path / "mine", wordpiece)
    (tmp_path / "theirs" / "deep").mkdir(parents=True)
    plain = Path.is_file

    def refused(self: Path) -> bool:
        if "theirs" in self.parts:
            raise PermissionError(13, "Permission denied", str(self))
        return plain(self)

    monkeypatch.setattr(Path, "is_file", refused)
    model = load(tmp_path)
    assert model.kind == "masked" and [one.message for one in model.notices] == ["folder_below"]
    with pytest.raises(ModelError) as told:
        load(tmp_path / "theirs")
    assert told.value.message == "browse_unreadable"


@pytest.mark.parametrize("name", ["lab-4", "a folder"])
def test_a_revision_that_chooses_nothing_is_told(tmp_path: Path, wordpiece: PreTrainedTokenizerBase, name: str) -> None:
    tiny.save("masked", "bert", tmp_path / "mine", wordpiece)
    given = name if name == "lab-4" else str(tmp_path / "mine")
    with pytest.warns(AttnvizWarning, match="v2"):
        model = load(given, "v2")
    assert [one.message for one in model.notices] == ["revision_unused"] and load(given).notices == ()


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 10_000, "a\0b", "a\ud800", "100%/x%zz", "~nobody/x", "🤗/b"])
def test_what_can_be_no_name_is_told_in_both_languages(name: str) -> None:
    with pytest.raises(ModelError) as told:
        load(name)
    assert told.value.message in ("model_name", "folder_missing")
    assert told.value.say("zh") != told.value.say("en")
