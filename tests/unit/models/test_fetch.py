"""The way from a Hub id to a folder, against a stand-in for the Hub: what works, and each failure with its sentence."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import httpx2
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerBase

from attnviz import ModelError, load, record
from attnviz.models import Progress, catalogue, fetch, hub, memory
from tests.parity import tiny
from tests.unit.models.hub import COMMIT, RESOLVE, Fault, StandIn, endpoint

NAME = "someone/small"
WEIGHTS = "model.safetensors"
FETCHING = import_module("attnviz.models.fetch")  # `fetch` is its function


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Path:
    return tiny.save("masked", "bert", tmp_path_factory.mktemp("saved"), wordpiece)


@pytest.fixture
def standin(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in as HF_ENDPOINT, with a small BERT and an empty cache. Nothing but files may be asked for."""
    with endpoint(monkeypatch, tmp_path / "cache") as server:
        server.add(NAME, saved)
        yield server


def refused(message: str, name: str = NAME, revision: str | None = None, *holds: str) -> ModelError:
    """The refusal of a model, whose sentence in both languages is whole and says what it is about."""
    with pytest.raises(ModelError) as refusal:
        load(name, revision)
    error = refusal.value
    assert error.message == message
    for language in ("en", "zh"):
        sentence = error.say(language)
        assert not re.search(r"[{}\n]", sentence)
        assert all(part in sentence for part in (*holds,))
    assert re.search(r"[一-鿿]", error.say("zh"))
    return error


def edit(server: StandIn, **changes: object) -> None:
    config = json.loads(server.models[NAME]["config.json"]) | changes
    server.models[NAME]["config.json"] = json.dumps(config).encode()


def test_model_of_the_hub_is_read_like_its_folder(standin: StandIn, saved: Path) -> None:
    model = load(NAME)
    assert (model.name, model.revision, model.kind) == (NAME, COMMIT, "masked")
    theirs, ours = record(load(str(saved)), "the cat sat"), record(model, "the cat sat")
    assert torch.equal(theirs.weights(layer=1, head=2), ours.weights(layer=1, head=2))


@pytest.mark.parametrize("name", ["preprocessor_config.json", "processor_config.json"])
def test_what_says_how_sounds_and_pictures_are_prepared_comes_along(standin: StandIn, name: str) -> None:
    standin.models[NAME][name] = b"{}"
    assert (fetch(NAME) / name).read_bytes() == b"{}"


def test_second_time_asks_only_whether_the_branch_moved(standin: StandIn) -> None:
    first = fetch(NAME)
    standin.asked.clear()
    assert fetch(NAME) == first
    assert standin.asked == [("HEAD", f"/{NAME}/resolve/main/config.json", "")]


def test_commit_in_the_cache_asks_nothing(standin: StandIn) -> None:
    fetch(NAME, COMMIT)
    standin.asked.clear()
    assert fetch(NAME, COMMIT).name == COMMIT
    assert standin.asked == []


def test_weights_come_last_and_each_file_once(standin: StandIn) -> None:
    fetch(NAME)
    files = [path.rsplit("/", 1)[1] for method, path, _ in standin.asked if method == "GET"]
    assert files[-1] == WEIGHTS
    assert [file for file in files if file != WEIGHTS] == sorted(set(files) - {WEIGHTS}, key=files.index)
    assert files.count(WEIGHTS) == 2  # once for its header, which is where its size in memory stands


def test_cache_serves_without_a_network(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch(NAME)
    with monkeypatch.context() as gone:
        gone.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        assert fetch(NAME) == first
        gone.setattr(constants, "HF_HUB_OFFLINE", True)
        assert load(NAME).kind == "masked"
    standin.faults["config.json"] = Fault(status=503)
    assert fetch(NAME) == first


def test_endpoint_that_is_given_goes_before_the_environment(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert fetch(NAME, endpoint=standin.address + "/").is_dir()


def test_progress_counts_all_bytes_of_all_files(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "EVERY", 0.0)
    seen: list[Progress] = []
    fetch(NAME, progress=seen.append)
    download = [one for one in seen if one.file != "config.json"]
    total = sum(len(content) for file, content in standin.models[NAME].items() if file != "config.json")
    assert {one.total for one in download} == {total}
    assert [one.done for one in download] == sorted(one.done for one in download)
    assert (download[0].done, download[-1].done) == (0, total)
    assert {one.file for one in download if one.total > one.done} >= {WEIGHTS, "tokenizer.json"}
    assert len({one.done for one in download}) > len({one.file for one in download})


def test_loading_reports_the_reading_of_weights(saved: Path) -> None:
    seen: list[Progress] = []
    load(str(saved), progress=seen.append)
    size = (saved / WEIGHTS).stat().st_size
    assert {(one.name, one.file, one.total) for one in seen} == {(str(saved), WEIGHTS, size)}
    assert (seen[0].done, seen[-1].done) == (0, size)
    assert len({one.done for one in seen}) > 10


def test_shards_are_read_by_their_index(standin: StandIn, saved: Path, tmp_path: Path) -> None:
    tensors = load_file(saved / WEIGHTS)
    names = sorted(tensors)
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, keys in parts.items():
        save_file({key: tensors[key] for key in keys}, tmp_path / file, metadata={"format": "pt"})
        standin.models[NAME][file] = (tmp_path / file).read_bytes()
    del standin.models[NAME][WEIGHTS]
    index = {"metadata": {}, "weight_map": {key: file for file, keys in parts.items() for key in keys}}
    standin.models[NAME]["model.safetensors.index.json"] = json.dumps(index).encode()
    assert torch.equal(load(NAME).network.state_dict()[names[1]], tensors[names[1]])
    shutil.rmtree(constants.HF_HUB_CACHE)
    del standin.models[NAME]["b.safetensors"]
    refused("shard_missing", NAME, None, NAME, "b.safetensors")


def test_index_that_points_out_of_the_model_is_refused(standin: StandIn) -> None:
    del standin.models[NAME][WEIGHTS]
    standin.models[NAME]["model.safetensors.index.json"] = b'{"weight_map": {"a": "../../secret.safetensors"}}'
    refused("weights_corrupt")


def test_mirror_that_does_not_say_what_is_missing(standin: StandIn) -> None:
    standin.codes = False
    assert load(NAME).kind == "masked"
    refused("hub_unknown", "nobody/nothing", None, "nobody/nothing")


@pytest.mark.parametrize("status", [401, 404])
def test_unknown_id(standin: StandIn, status: int) -> None:
    standin.unknown = status
    refused("hub_unknown", "nobody/nothing", None, "nobody/nothing", standin.address)


def test_unknown_revision(standin: StandIn) -> None:
    refused("hub_revision", NAME, "nonsense", NAME, "nonsense")


@pytest.mark.parametrize("name", ["a--b", "someone/-small", "someone/small.", "a" * 97])
def test_name_that_cannot_be_one(standin: StandIn, name: str) -> None:
    refused("model_name", name)


def test_gated(standin: StandIn) -> None:
    standin.gated.add(NAME)
    refused("hub_gated", NAME, None, NAME)


@pytest.mark.parametrize("status", [401, 403])
def test_gated_files(standin: StandIn, status: int) -> None:
    standin.faults["config.json"] = Fault(status=status)
    refused("hub_gated", NAME, None, NAME)


def test_repository_without_a_configuration(standin: StandIn) -> None:
    del standin.models[NAME]["config.json"]
    refused("hub_no_config", NAME, None, NAME)


def test_page_that_is_no_hub(standin: StandIn) -> None:
    standin.strange = True
    refused("hub_strange", NAME, None, standin.address)


def test_no_network(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refused("hub_unreachable", NAME, None, NAME, "http://127.0.0.1:9")


def test_no_network_and_half_a_model_in_the_cache(standin: StandIn) -> None:
    standin.faults[WEIGHTS] = Fault(status=500)
    refused("hub_unreachable", NAME, None, "500")
    standin.faults = {"config.json": Fault(status=502)}
    refused("hub_unreachable", NAME, None, "502")


def test_switched_off_network(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("hub_unreachable", NAME, None, "HF_HUB_OFFLINE")


def test_only_pickles(standin: StandIn) -> None:
    standin.models[NAME]["pytorch_model.bin"] = standin.models[NAME].pop(WEIGHTS)
    refused("no_safetensors", NAME, None, NAME, "pytorch_model.bin", "refs/pr/1")
    assert standin.fetched("pytorch_model.bin") == []


def test_no_weights_at_all(standin: StandIn) -> None:
    del standin.models[NAME][WEIGHTS]
    refused("no_weights", NAME, None, NAME)


NEVER = {
    "needs_code": {"model_type": "own_type", "auto_map": {"AutoModel": "modeling_own.Own"}},
    "type_unknown": {"model_type": "own_type"},
    "not_transformers": {"model_type": ""},
    "not_text": {"model_type": "encodec"},
    "quantised": {"quantization_config": {"quant_method": "gptq", "bits": 4}},
}


@pytest.mark.parametrize(("message", "changes"), NEVER.items(), ids=NEVER)
def test_refused_by_its_configuration_before_anything_else_is_fetched(
    standin: StandIn, message: str, changes: dict[str, object]
) -> None:
    edit(standin, **changes)
    refused(message, NAME, None, NAME)
    assert {RESOLVE.fullmatch(path)["file"] for _, path, _ in standin.asked} == {"config.json"}  # type: ignore[index]


def test_no_tokenizer_is_refused_before_the_weights_are_fetched(standin: StandIn) -> None:
    for file in [file for file in standin.models[NAME] if file.startswith("tok")]:
        del standin.models[NAME][file]
    refused("no_tokenizer", NAME, None, NAME)
    assert standin.fetched(WEIGHTS) == []


def test_too_large_is_refused_with_both_sizes_before_the_weights_are_fetched(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch, saved: Path
) -> None:
    half = {name: tensor.half() for name, tensor in load_file(saved / WEIGHTS).items()}
    numbers = sum(tensor.numel() for tensor in half.values())
    need = int(numbers * (4 + 2) * memory.SPARE)
    save_file(half, saved.parent / "half.safetensors", metadata={"format": "pt"})
    standin.models[NAME][WEIGHTS] = (saved.parent / "half.safetensors").read_bytes()
    monkeypatch.setattr(memory, "available", lambda: need // 2)
    refused("model_too_large", NAME, None, memory.gigabytes(need)[:4], memory.gigabytes(need // 2))
    assert not list(Path(constants.HF_HUB_CACHE).rglob(WEIGHTS))
    monkeypatch.setattr(memory, "available", lambda: need * 2)
    assert load(NAME).size >= numbers * 4


def test_full_disk_is_refused_with_both_sizes(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(2000, 1000, 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(FETCHING, "before_fetching", [lambda *given: asked.append(given)])
    refused("disk_full", NAME, None, NAME, "0.000", constants.HF_HUB_CACHE)
    assert asked == [], "what is not fetched is not counted"


def test_whoever_counts_what_is_fetched_is_asked_before_the_weights(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []

    def full(name: str, need: int) -> None:
        asked.append((name, need))
        raise ModelError("settings_downloads", model=name, need="5", left="4")

    monkeypatch.setattr(FETCHING, "before_fetching", [full])
    refused("settings_downloads", NAME, None, NAME)
    assert asked[0][0] == NAME and asked[0][1] > len(standin.models[NAME][WEIGHTS])
    assert not list(Path(constants.HF_HUB_CACHE).rglob(WEIGHTS))


def test_cut_connections_are_taken_up_again_where_they_broke_off(standin: StandIn) -> None:
    size = len(standin.models[NAME][WEIGHTS])
    standin.faults[WEIGHTS] = Fault(after=size // 3 + 1)
    assert load(NAME).kind == "masked"
    step = size // 3 + 1
    assert standin.fetched(WEIGHTS) == ["", "", f"bytes={step}-", f"bytes={2 * step}-"]


def test_cut_connection_is_told_and_the_next_try_goes_on(standin: StandIn) -> None:
    size = len(standin.models[NAME][WEIGHTS])
    standin.faults[WEIGHTS] = Fault(after=size // 2)
    real, cut = hub.Hub._receive, []

    def once(self: hub.Hub, remote: hub.Remote, part: Path, have: int) -> None:
        if remote.file == WEIGHTS and have:
            standin.faults[WEIGHTS] = Fault(after=0)
            cut.append(have)
        real(self, remote, part, have)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub.Hub, "_receive", once)
        said = f"{size / 2 / 1e6:.1f}", f"{size / 1e6:.1f}"
        refused("download_cut", NAME, None, NAME, WEIGHTS, *said)
    assert cut == [size // 2] * hub.TRIES
    standin.faults.clear()
    standin.asked.clear()
    assert load(NAME).kind == "masked"
    assert standin.fetched(WEIGHTS)[-1] == f"bytes={size // 2}-"


def test_connection_that_the_server_had_closed_is_opened_again(standin: StandIn) -> None:
    real, hung_up = httpx2.Client.send, []

    def send(self: httpx2.Client, request: httpx2.Request, **settings: object) -> httpx2.Response:
        kind = f"{request.method} {request.url.path}"
        if kind not in hung_up:  # each request's first try meets a connection that was kept and has been closed
            hung_up.append(kind)
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        return real(self, request, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx2.Client, "send", send)
        assert load(NAME).kind == "masked"
    assert len(hung_up) > 5


def test_server_that_sends_all_again_is_understood(standin: StandIn) -> None:
    standin.ranges = False
    size = len(standin.models[NAME][WEIGHTS])
    standin.faults[WEIGHTS] = Fault(after=size // 2)
    refused("download_cut")
    standin.faults.clear()
    assert load(NAME).kind == "masked"


def test_silent_connection_is_told(standin: StandIn) -> None:
    size = len(standin.models[NAME][WEIGHTS])
    standin.faults[WEIGHTS] = Fault(after=size // 2, stall=True)
    real = hub.Hub._receive

    def then_silent(self: hub.Hub, remote: hub.Remote, part: Path, have: int) -> None:
        if remote.file == WEIGHTS and have:
            standin.faults[WEIGHTS] = Fault(after=0, stall=True)
        real(self, remote, part, have)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub.Hub, "_receive", then_silent)
        refused("download_slow", NAME, None, NAME, WEIGHTS, "0.5")


def test_file_spoiled_on_its_way_is_thrown_away(standin: StandIn) -> None:
    standin.faults[WEIGHTS] = Fault(spoil=lambda content: content[:-8] + b"rubbish!")
    refused("download_corrupt", NAME, None, NAME, WEIGHTS)
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))
    standin.faults.clear()
    assert load(NAME).kind == "masked"


@pytest.mark.parametrize(
    "content", [b"rubbish", b"", b"\x10\0\0\0\0\0\0\0{not json at all}"], ids=["short", "empty", "no JSON"]
)
def test_weights_that_are_no_safetensors(standin: StandIn, content: bytes) -> None:
    standin.models[NAME][WEIGHTS] = content
    refused("weights_corrupt", NAME, None, f"{NAME}/{WEIGHTS}")


def test_interrupted_visitor_loses_nothing(standin: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "EVERY", 0.0)

    class Gone(BaseException):
        pass

    def leave(so_far: Progress) -> None:
        if so_far.file == WEIGHTS and so_far.done > so_far.total // 2:
            raise Gone

    with pytest.raises(Gone):
        fetch(NAME, progress=leave)
    assert fetch(NAME).is_dir()
    assert standin.fetched(WEIGHTS)[-1].startswith("bytes=")


def test_listed_model_comes_from_the_revision_that_has_safetensors(standin: StandIn) -> None:
    entry = next(entry for entry in catalogue() if entry.revision)
    standin.models[entry.name] = standin.models[NAME]
    refused("hub_revision", entry.name, None, str(entry.revision))
