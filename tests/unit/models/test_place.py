"""Where a name leads: quoted, one level off, a file in the folder, a page of the Hub; or what the sentence says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load
from attnviz.models.address import OnHub, on_hub, readings
from attnviz.models.place import stamp
from tests.parity import tiny

COMMIT = "a" * 40


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Path:
    return tiny.save("masked", "bert", tmp_path_factory.mktemp("whole"), wordpiece)


@pytest.fixture
def put(whole: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Copies the model to a place below the test's folder."""

    def copied(place: str) -> Path:
        return Path(shutil.copytree(whole, tmp_path / place))

    return copied


def refused(message: str, name: object, *holds: str) -> None:
    with pytest.raises(ModelError) as refusal:
        load(str(name))
    assert refusal.value.message == message
    for language in ("en", "zh"):
        sentence = refusal.value.say(language)
        assert all(part in sentence for part in holds) and not re.search(r"\n|\{\w+\}", sentence)


ADDRESSES = {
    "google-bert/bert-base-chinese": OnHub("google-bert/bert-base-chinese"),
    " google-bert/bert-base-chinese/ ": OnHub("google-bert/bert-base-chinese"),
    "https://huggingface.co/google-bert/bert-base-chinese": OnHub("google-bert/bert-base-chinese"),
    "http://www.huggingface.co/gpt2?library=transformers#usage": OnHub("gpt2"),
    "https://hf.co/gpt2/tree/main": OnHub("gpt2", "main"),
    "hf.co/a/b": OnHub("a/b"),
    "huggingface.co/a/b/blob/main/config.json": OnHub("a/b", "main", "config.json"),
    "https://huggingface.co/a/b/tree/refs%2Fpr%2F1": OnHub("a/b", "refs/pr/1"),
    "https://huggingface.co/a/b/tree/refs/pr/12/onnx": OnHub("a/b", "refs/pr/12", "onnx"),
    "https://huggingface.co/a/b/resolve/v1.0/model.safetensors?download=true": OnHub(
        "a/b", "v1.0", "model.safetensors"
    ),
    "https://huggingface.co/a/b/discussions/3": OnHub("a/b"),
    "https://hf-mirror.com/a/b": OnHub("a/b"),
    "a/b/tree/main": OnHub("a/b", "main"),
    "hf://a/b@dev": OnHub("a/b", "dev"),
    "git clone https://huggingface.co/a/b.git": OnHub("a/b"),
    "git@hf.co:a/b": OnHub("a/b"),
    "models--a--b": OnHub("a/b"),
    'AutoModel.from_pretrained("a/b")': OnHub("a/b"),
}


@pytest.mark.parametrize(("text", "found"), ADDRESSES.items(), ids=ADDRESSES)
def test_address_of_the_hub_is_taken_for_the_model_that_it_shows(text: str, found: OnHub) -> None:
    assert on_hub(text) == found


PAGES = {
    "https://huggingface.co/datasets/a/b": "address_no_model",
    "https://huggingface.co/spaces/a/b": "address_no_model",
    "https://huggingface.co/": "address_no_model",
    "https://github.com/a/b": "address_elsewhere",
    "https://modelscope.cn/models/a/b": "address_elsewhere",
    "https://huggingface.co/a/b-GGUF/blob/main/b.Q4_0.gguf": "address_gguf",
    "https://huggingface.co/google-bert/bert-base-chinese": "hub_unreachable",
    "http://[": "folder_missing",
    "file:///nowhere/at/all": "folder_missing",
}


@pytest.mark.parametrize(("text", "message"), PAGES.items(), ids=PAGES)
def test_address_that_leads_to_no_model_is_told_what_it_is(text: str, message: str) -> None:
    refused(message, text)


WAYS = {
    "double quotes": '"{}"',
    "single quotes": "'{}'",
    "typographic quotes": "“{}”",
    "a trailing blank": "{} ",
    "a trailing slash": "{}/",
    "a line break": "{}\n",
    "a file's URL": "file://{}",
    "a file's URL on this machine": "file://localhost{}",
    "a call": "AutoModel.from_pretrained('{}')",
    "the mark that Windows puts before": "\u202a{}",
    "config.json": "{}/config.json",
    "the weights": "{}/model.safetensors",
    "its vocabulary": '"{}/tokenizer.json"',
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_path_is_read_however_it_was_pasted(way: str, put: Callable[[str], Path]) -> None:
    place = put("my bert 100%")
    assert load(way.format(place)).kind == "masked"


def test_path_may_be_an_object(put: Callable[[str], Path]) -> None:
    place = put("小 bert#1 100%")
    assert load(place).kind == load(str(place)).kind == load(f"{place}/").kind == "masked"


def test_path_with_escaped_blanks_or_percents_is_read(put: Callable[[str], Path]) -> None:
    place = put("a b")
    assert load(str(place).replace(" ", "\\ ")).kind == "masked"
    assert load(f"file://{str(place).replace(' ', '%20')}").kind == "masked"


def test_folder_whose_name_has_quotes_goes_before_one_without(put: Callable[[str], Path]) -> None:
    place = put("'x'")
    assert next(readings(str(place))) == str(place)
    assert load(str(place)).name == str(place)


LAYOUTS = {
    "0_Transformer": ("st/0_Transformer", "st"),
    "0_BERT": ("st/0_BERT", "st"),
    "a cache of the Hub": (f"models--me--tiny/snapshots/{COMMIT}", "models--me--tiny"),
    "its snapshots": (f"models--me--tiny/snapshots/{COMMIT}", "models--me--tiny/snapshots"),
    "the cache as a whole": (f"hub/models--me--tiny/snapshots/{COMMIT}", "hub"),
    "a Trainer's output": ("run/checkpoint-500", "run"),
    "a folder of runs": ("runs/first/checkpoint-500", "runs"),
    "unpacked twice": ("bert/bert", "bert"),
}


@pytest.mark.parametrize(("inner", "given"), LAYOUTS.values(), ids=LAYOUTS)
def test_folder_one_level_off_is_opened_and_said(
    inner: str, given: str, put: Callable[[str], Path], tmp_path: Path
) -> None:
    put(inner)
    with pytest.warns(UserWarning, match="attnviz: .*holds its model in"):
        model = load(str(tmp_path / given))
    assert [notice.message for notice in model.notices] == ["folder_below"]
    place = str(Path(inner).relative_to(given))
    assert all(place in model.notices[0].say(language) for language in ("en", "zh"))


def test_newest_checkpoint_is_taken_by_its_number(put: Callable[[str], Path], tmp_path: Path) -> None:
    for number in (900, 1000, 80):
        put(f"run/checkpoint-{number}")
    (tmp_path / "run" / "checkpoint-2000").mkdir()  # begun, and nothing in it
    assert "checkpoint-1000" in str(load(str(tmp_path / "run")).notices[0])


def test_modules_of_sentence_transformers_may_lie_anywhere(put: Callable[[str], Path], tmp_path: Path) -> None:
    put("st/parts/words")
    put("st/parts/other")
    (tmp_path / "st" / "config.json").write_text('{"__version__": "0.3.0"}')
    modules = [
        {"idx": 0, "path": "parts/words", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (tmp_path / "st" / "modules.json").write_text(json.dumps(modules))
    assert "parts/words" in str(load(str(tmp_path / "st")).notices[0])


def test_part_of_a_model_names_the_folder_above(put: Callable[[str], Path]) -> None:
    place = put("bert")
    (place / "1_Pooling").mkdir()
    (place / "1_Pooling" / "config.json").write_text('{"word_embedding_dimension": 32}')
    (place / "onnx").mkdir()
    (place / "onnx" / "model.onnx").write_bytes(b"")
    for part in ("1_Pooling", "1_Pooling/config.json", "onnx", "onnx/model.onnx"):
        refused("folder_above", place / part, str(place))


def test_cache_of_the_hub_follows_main_and_the_revision(put: Callable[[str], Path], tmp_path: Path) -> None:
    for commit in (COMMIT, "b" * 40):
        put(f"models--me--tiny/snapshots/{commit}")
    refs = tmp_path / "models--me--tiny" / "refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT)
    (refs / "dev").write_text("b" * 40)
    shelf = str(tmp_path / "models--me--tiny")
    assert load(shelf).revision == COMMIT
    assert load(shelf, "dev").revision == load(shelf, "b" * 40).revision == "b" * 40
    with pytest.raises(ModelError) as refusal:
        load(shelf, "other")
    assert refusal.value.message == "hub_revision"


def test_several_models_are_named(put: Callable[[str], Path], tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(f"all/{name}")
    refused("folder_several", tmp_path / "all", "one", "two")


def test_adapter_alone_names_its_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "me/base"}')
    refused("adapter_alone", tmp_path, "me/base")
    refused("adapter_alone", tmp_path / "adapter_config.json", "me/base")
    run = tmp_path / "run" / "checkpoint-7"
    run.mkdir(parents=True)
    shutil.copy(tmp_path / "adapter_config.json", run)
    refused("adapter_alone", tmp_path / "run", "me/base")
    (tmp_path / "adapter_config.json").write_text("[]")
    refused("adapter_nameless", tmp_path)


def test_files_that_are_no_model_name_the_next_step(tmp_path: Path, put: Callable[[str], Path]) -> None:
    for file, message in {"a.zip": "file_archive", "a.pdf": "file_no_model", "a.bin": "folder_no_config"}.items():
        (tmp_path / file).write_bytes(b"")
        refused(message, tmp_path / file)
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "bert_config.json").write_text("{}")
    refused("folder_bert_config", tmp_path / "old", "config.json")
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "params.json").write_text("{}")
    (tmp_path / "meta" / "consolidated.00.pth").write_bytes(b"")
    refused("folder_llama", tmp_path / "meta")


def test_weights_of_another_form_name_the_next_step(put: Callable[[str], Path]) -> None:
    place = put("bert")
    weights = place / "model.safetensors"
    weights.rename(place / "bert.safetensors")
    refused("weights_other_name", place, "bert.safetensors", "model.safetensors")
    (place / "bert.safetensors").rename(place / "model-00001-of-00001.safetensors")
    refused("shard_missing", place, "model.safetensors.index.json")
    (place / "model-00001-of-00001.safetensors").unlink()
    (place / "tf_model.h5").write_bytes(b"")
    refused("weights_of_others", place, "from_tf")
    torch.save({}, place / "pytorch_model.bin")
    refused("no_safetensors", place, "save_pretrained", f"BertForMaskedLM.from_pretrained('{place}')")
    refused("no_safetensors", place / "pytorch_model.bin", "save_pretrained")
    weights.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    refused("weights_pointer", place, "git lfs pull")


def test_stamp_changes_when_the_files_do(put: Callable[[str], Path]) -> None:
    place = put("run/checkpoint-5")
    before = stamp(str(place.parent))
    assert before and before == stamp(str(place.parent))
    (place / "model.safetensors").write_bytes((place / "model.safetensors").read_bytes())
    assert stamp(str(place.parent)) != before
    assert stamp("lab-4") == stamp("nobody/nothing") == stamp("x" * 5000) == stamp("a\0b") == ()
