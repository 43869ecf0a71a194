"""What a model and a run will take is known before, and what does not fit is refused with both sizes."""

from __future__ import annotations

import io
import json
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, PreTrainedTokenizerBase

from attnviz import ModelError, TextError, load, record
from attnviz.models import check_run, forecast, memory, most_tokens
from tests.parity import tiny

BERT = AutoConfig.for_model("bert")
KNOWN = {  # layers x heads, from the papers
    "bert": ({}, 144),
    "gpt2": ({}, 144),
    "distilbert": ({}, 72),
    "qwen2": ({"num_hidden_layers": 24, "num_attention_heads": 14}, 336),
    "gemma3": ({"text_config": {"num_hidden_layers": 3, "num_attention_heads": 8}}, 24),
}


@pytest.mark.parametrize("model_type", KNOWN)
def test_run_takes_layers_times_heads_times_tokens_squared_times_four(model_type: str) -> None:
    changes, maps = KNOWN[model_type]
    config = AutoConfig.for_model(model_type, **changes)
    assert forecast(config, 100) == maps * 100 * 100 * 4


@pytest.mark.parametrize(
    ("model_type", "changes"),
    [
        ("t5", {"num_layers": 2, "num_decoder_layers": 3, "num_heads": 4}),
        (
            "marian",
            {"encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 4, "decoder_attention_heads": 4},
        ),
    ],
)
def test_encoder_decoder_takes_its_three_maps_together(model_type: str, changes: dict[str, int]) -> None:
    config = AutoConfig.for_model(model_type, **changes)
    encoder, decoder, cross = 2 * 4 * 7 * 7, 3 * 4 * 5 * 5, 3 * 4 * 5 * 7
    assert forecast(config, 7, 5) == 4 * (encoder + decoder + cross)


@pytest.mark.parametrize(("kind", "model_type"), [("masked", "bert"), ("causal", "gpt2"), ("seq2seq", "t5")])
def test_forecast_is_what_the_weights_of_a_run_take(
    kind: str, model_type: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    model = load(str(tiny.save(kind, model_type, tmp_path, wordpiece)))
    trace = record(model, "the cat sat", **({"target": "she sat"} if kind == "seq2seq" else {}))
    maps = [trace.map(part) for part in trace.parts]
    taken = sum(
        one.weights(layer=layer, head=head).numel() * 4
        for one in maps
        for layer in range(one.n_layers)
        for head in range(one.n_heads)
    )
    target = len(trace.encoded.ids) if kind == "seq2seq" else 0
    tokens = len(trace.looked_at.ids) if kind == "seq2seq" else len(trace.encoded.ids)
    assert forecast(model.network.config, tokens, target) == taken


def test_a_window_wider_than_the_text_takes_all_of_the_window() -> None:
    config = AutoConfig.for_model("longformer", attention_window=[64] * 12)
    assert forecast(config, 5) == 144 * 64 * 64 * 4  # padded to one window, a column for each distance
    assert forecast(config, 200) == 144 * 256 * 200 * 4
    most = most_tokens(config, 10**9)
    assert forecast(config, most) <= 10**9 < forecast(config, most + 1)


def test_huge_window_is_refused_before_it_is_padded(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    tiny.save("masked", "longformer", tmp_path, wordpiece)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "attention_window": [2**40] * 2}))
    with pytest.raises(TextError) as refusal:
        record(load(str(tmp_path)), "the cat sat")
    assert refusal.value.message == "run_too_large"


@pytest.mark.parametrize(("heads", "measured"), [(4, 443e6), (12, 884e6)])
def test_a_bias_for_each_pair_of_tokens_is_forecast(heads: int, measured: float) -> None:
    shape = {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 1, "vocab_size": 259}
    config = AutoConfig.for_model("t5", num_heads=heads, **shape)
    assert measured < memory.recorded(config, 3_001, 3) < 1.3 * measured  # measured at that length, see `_bias`
    own = AutoConfig.for_model("umt5", num_heads=heads, **shape)
    assert memory.recorded(own, 3_001, 3) > memory.recorded(config, 3_001, 3)


def test_a_text_too_long_for_its_bias_is_told_how_long_it_may_be() -> None:
    config = AutoConfig.for_model("t5")
    with pytest.raises(TextError) as refusal:
        check_run(config, 50_000, eager=False, free=10**9)
    most = refusal.value.values["most"]
    check_run(config, most, eager=False, free=10**9)
    with pytest.raises(TextError):
        check_run(config, most + 1, eager=False, free=10**9)


def test_configuration_that_names_no_layers_is_never_refused() -> None:
    config = SimpleNamespace()
    assert forecast(config, 10**6) == 0
    check_run(config, 10**6, free=1)


@pytest.mark.parametrize("free", [4 * 144, 10**6, 10**9 + 7])
def test_most_tokens_fit_and_one_more_does_not(free: int) -> None:
    most = most_tokens(BERT, free)
    check_run(BERT, most, free=free)
    with pytest.raises(TextError) as refusal:
        check_run(BERT, most + 1, free=free)
    assert refusal.value.values["most"] == most


def test_run_that_does_not_fit_names_both_sizes_and_a_length_that_would() -> None:
    with pytest.raises(TextError) as refusal:
        check_run(BERT, 10_000, free=4_000_000_000)
    assert refusal.value.message == "run_too_large"
    for language in ("en", "zh"):
        assert all(part in refusal.value.say(language) for part in ("10000", "57.6 GB", "4.0 GB", "2635"))


def test_weights_that_do_not_fit_name_both_sizes() -> None:
    with pytest.raises(ModelError) as refusal:
        memory.check_weights("someone/large", 28_000_000_000, free=16_000_000_000)
    assert refusal.value.message == "model_too_large"
    for language in ("en", "zh"):
        assert all(part in refusal.value.say(language) for part in ("someone/large", "29.4 GB", "16.0 GB"))
    memory.check_weights("someone/large", 28_000_000_000, free=31_000_000_000)


def test_folder_that_does_not_fit_is_refused_before_it_is_read(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.save("masked", "bert", tmp_path, wordpiece)
    monkeypatch.setattr(memory, "available", lambda: 1000)
    reading = sys.modules["attnviz.models.load"]  # attnviz.models.load is the function
    monkeypatch.setattr(reading, "_open", lambda *args: pytest.fail("it was read"))
    with pytest.raises(ModelError) as refusal:
        load(str(tmp_path))
    assert refusal.value.message == "model_too_large"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_count_as_the_float32_that_they_become_and_as_they_are(dtype: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(3, 5, dtype=dtype), "b": torch.zeros(7, dtype=dtype)}, path, metadata={"format": "pt"})
    beside = 0 if dtype == torch.float32 else dtype.itemsize  # both lie in memory for a moment
    assert memory.held([path]).loading == 22 * (4 + beside)
    with path.open("rb") as file:
        assert memory.stored_bytes(memory.read_header(file)) == 22 * dtype.itemsize


@pytest.mark.parametrize(
    "content", [b"", b"1234567", b"\xff" * 20, b"\x02" + b"\0" * 7 + b"[]", b"\x02" + b"\0" * 7 + b"{"]
)
def test_bytes_that_are_no_safetensors_are_told(content: bytes) -> None:
    with pytest.raises(ValueError):
        memory.read_header(io.BytesIO(content))


def group(folder: Path, version: int, limit: str, used: int, given_back: int) -> None:
    """A container's memory as Linux tells it."""
    names = ("memory.max", "memory.current", "inactive_file")
    if version == 1:
        folder = folder / "memory"
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{names[2]} {given_back}\nshmem 0\n")


@pytest.mark.parametrize("version", [1, 2])
def test_container_lets_less_be_taken_than_the_machine_has(version: int, tmp_path: Path) -> None:
    group(tmp_path, version, "1000000", 700_000, 200_000)
    assert memory.available(tmp_path) == 500_000


def test_container_beyond_its_limit_leaves_nothing(tmp_path: Path) -> None:
    group(tmp_path, 2, "1000", 5000, 0)
    assert memory.available(tmp_path) == 0


def test_machine_without_limits_has_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = namedtuple("free", "available")(12345)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    assert memory.available(tmp_path / "none") == 12345
    group(tmp_path, 2, "max", 700, 0)
    assert memory.available(tmp_path) == 12345


def test_this_machine_has_memory() -> None:
    assert 10**8 < memory.available() < 10**14
    assert memory.available() <= memory.total() < 10**14


@pytest.mark.parametrize("version", [1, 2])
def test_all_there_is_is_what_the_container_allows(version: int, tmp_path: Path) -> None:
    group(tmp_path, version, "1000000", 700_000, 200_000)
    assert memory.total(tmp_path) == 1_000_000
    group(tmp_path / "other", version, "max", 700, 0)
    assert memory.total(tmp_path / "other") == psutil.virtual_memory().total


def test_those_who_keep_things_are_asked_in_turn_until_there_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    free, asked = [1000], []

    def keeper(name: str, least: int, has: int):  # type: ignore[no-untyped-def]
        def ask(need: int) -> int:
            nonlocal has
            given = min(max(need, least), has)
            has -= given
            free[0] += given // 2  # what it lets go of is half in use elsewhere
            asked.append((name, need))
            return given

        return ask

    monkeypatch.setattr(memory, "available", lambda: free[0])
    monkeypatch.setattr(memory, "make_room", [keeper("runs", 0, 600), keeper("models", 100, 10_000)])
    assert memory.free_for(900) == 1000 and not asked
    assert memory.free_for(1400) >= 1400
    assert [name for name, _ in asked[:4]] == ["runs", "runs", "runs", "models"], "until the first has nothing left"
    assert asked[0] == ("runs", 400) and free[0] < 1600, "no more than was needed"
    memory.check_weights("someone/large", 1500)
    with pytest.raises(ModelError):
        memory.check_weights("someone/large", 10_000)
