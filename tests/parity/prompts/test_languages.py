"""A text in one language, written on in another, equals transformers' own tokenizer and network told the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedTokenizerBase

from attnviz import ArgumentError, ModelError, TextError, generate, load, record, record_batch
from attnviz.adapter.prompts.languages import declared
from attnviz.models import Model
from tests.parity.front_door.tokenizers import REPLY, TEXT
from tests.parity.prompts.translators import KINDS, saved

CLOSE = 1e-5  # the worst gap seen is 6e-7
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a small random translator with the tokenizer of its kind."""
    root = tmp_path_factory.mktemp("translators")
    return cache(lambda name: saved(name, root / name))


@pytest.fixture(scope="module")
def model(folder: Folder) -> Callable[[str], Model]:
    return cache(lambda name: load(str(folder(name))))


def theirs(folder: Path, source: str, target: str) -> tuple[PreTrainedTokenizerBase, Any]:
    """Transformers' own reading of the folder, told the two languages."""
    network = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    return AutoTokenizer.from_pretrained(folder, src_lang=source, tgt_lang=target), network


@pytest.mark.parametrize("name", KINDS)
def test_text_and_target_are_read_as_transformers_reads_them_in_two_languages(
    name: str, folder: Folder, model: Callable[[str], Model]
) -> None:
    *_, source, target = KINDS[name]
    tokenizer, network = theirs(folder(name), source, target)
    batch = tokenizer(TEXT, return_tensors="pt")
    labels = tokenizer(text_target=REPLY, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        wanted = network(batch["input_ids"], labels=labels, output_attentions=True)
    trace = record(model(name), TEXT, target=REPLY, languages=(source, target))
    read = trace.looked_at
    assert read is not None and list(read.ids) == batch["input_ids"][0].tolist()
    rows = len(trace.tokens)
    assert rows >= len(tokenizer(REPLY, add_special_tokens=False)["input_ids"]) + 1
    for part, weights in (
        ("cross", wanted.cross_attentions), ("encoder", wanted.encoder_attentions),
        ("decoder", wanted.decoder_attentions),
    ):  # fmt: skip
        for layer, one in enumerate(weights):
            ours = trace.map(part).weights(layer)
            here = one[0, :, :rows] if part == "cross" else one[0] if part == "encoder" else one[0, :, :rows, :rows]
            torch.testing.assert_close(ours, here, atol=CLOSE, rtol=0)
    assert trace.logits is not None
    torch.testing.assert_close(trace.logits, wanted.logits[0, :rows], atol=CLOSE, rtol=CLOSE)


@pytest.mark.parametrize("name", KINDS)
def test_translation_begins_as_transformers_makes_it_begin(
    name: str, folder: Folder, model: Callable[[str], Model]
) -> None:
    *_, source, target = KINDS[name]
    tokenizer, network = theirs(folder(name), source, target)
    number = tokenizer._build_translation_inputs(
        TEXT, return_tensors="pt", src_lang=source, tgt_lang=target
    )["forced_bos_token_id"]  # fmt: skip
    batch = tokenizer(TEXT, return_tensors="pt")
    own = {"forced_bos_token_id": number} if name not in ("mbart", "plbart") else {"decoder_start_token_id": number}
    wanted = network.generate(**batch, **own, max_new_tokens=7, num_beams=1, do_sample=False)[0].tolist()
    trace = generate(model(name), TEXT, most=6 if "forced_bos_token_id" in own else 7, languages=(source, target))
    assert list(trace.encoded.ids) == wanted
    assert number in trace.encoded.ids[:2] and all(trace.encoded.special[:1])
    again = record(model(name), TEXT, target=trace.encoded, languages=(source, None))
    torch.testing.assert_close(trace.weights(0), again.weights(0), atol=CLOSE, rtol=0)


def test_language_of_one_reader_is_never_that_of_another(model: Callable[[str], Model]) -> None:
    nllb = model("nllb")
    plain = record(nllb, TEXT).looked_at
    assert plain is not None
    wrong: list[object] = []

    def read(code: str | None) -> None:
        for _ in range(12):
            found = record(nllb, TEXT, languages=code and (code, None)).looked_at  # type: ignore[arg-type]
            first = nllb.tokenizer.convert_ids_to_tokens(found.ids[0]) if found else None
            wrong.extend([] if first == (code or "eng_Latn") else [(code, first)])

    threads = [threading.Thread(target=read, args=(code,)) for code in ("fra_Latn", None, "zho_Hans", None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert nllb.tokenizer.src_lang == "eng_Latn" and nllb.tokenizer("the").input_ids[0] == plain.ids[0]


def test_batch_is_read_in_the_languages_that_one_text_is(model: Callable[[str], Model]) -> None:
    languages = ("fra_Latn", "zho_Hans")
    texts, replies = [TEXT, "a cat sat on the mat"], [REPLY, "the cat"]
    together = record_batch(model("nllb"), texts, targets=replies, languages=languages)
    for text, reply, trace in zip(texts, replies, together, strict=True):
        alone = record(model("nllb"), text, target=reply, languages=languages)
        assert trace.tokens == alone.tokens and trace.key_tokens == alone.key_tokens
        torch.testing.assert_close(trace.weights(1), alone.weights(1), atol=CLOSE, rtol=0)


def test_model_says_the_languages_that_its_tokenizer_declares(model: Callable[[str], Model]) -> None:
    assert {"eng_Latn", "zho_Hans"} <= set(model("nllb").languages) and len(model("nllb").languages) == 202
    assert {"en", "zh"} <= set(model("m2m_100").languages)
    assert model("plbart").languages == ("java", "python", "en_XX")
    assert load("lab-4").languages == ()
    assert not [code for name in KINDS for code in model(name).languages if "<" in code or code.startswith("_")]


def test_code_that_is_not_known_is_one_sentence_that_names_those_near_it(model: Callable[[str], Model]) -> None:
    with pytest.raises(ModelError, match="zho_Hans") as refused:
        record(model("nllb"), TEXT, languages=("zho_Hnas", None))
    assert "fra_Latn" not in str(refused.value)
    with pytest.raises(ModelError, match="eng_Latn"):
        generate(model("nllb"), TEXT, languages=(None, "english"))
    with pytest.raises(ModelError, match="knows of no languages"):
        record(load("lab-4"), TEXT, languages=("en", None))
    for wrong in ("eng_Latn", ("eng_Latn",), (1, 2), 3):
        with pytest.raises(ArgumentError, match="languages"):
            record(model("nllb"), TEXT, languages=wrong)  # type: ignore[arg-type]
    read = record(model("nllb"), TEXT).looked_at
    assert read is not None
    with pytest.raises(TextError, match="cut into tokens already"):
        record(model("nllb"), read, languages=("eng_Latn", None))


def test_pair_is_read_in_a_language_too(folder: Folder, model: Callable[[str], Model]) -> None:
    tokenizer, _ = theirs(folder("nllb"), "fra_Latn", "zho_Hans")
    trace = record(model("nllb"), "the cat", pair="sat on", languages=("fra_Latn", "zho_Hans"))
    assert trace.looked_at is not None
    assert list(trace.looked_at.ids) == tokenizer("the cat", "sat on")["input_ids"]


def test_tokenizer_of_one_language_declares_none(byte_level: PreTrainedTokenizerBase) -> None:
    assert declared(byte_level) == ()
