"""Texts as people paste them: each is read with every token in its place, or told in one sentence why not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from transformers import PreTrainedTokenizerBase

from attnviz import TextError, load, record
from attnviz.messages import LANGUAGES
from attnviz.models import Model
from attnviz.recording.generate import generate
from tests.parity import tiny

READ = {
    "one letter": "a", "a family": "👨‍👩‍👧‍👦 the cat", "a joiner of no width": "the\u200dcat",
    "a space of no width": "the\u200bcat", "line separator": "the cat\u2028sat", "Windows lines": "the\r\ncat\r\n",
    "a zero byte": "the\0cat", "half a pair": "the\ud800cat", "one long word": "x" * 5000, "one long line": "南" * 3000,
    "marks upon marks": "e" + "\u0301" * 200, "right to left": "שלום the עולם", "a byte order mark": "\ufeffthe cat",
    "a soft hyphen": "the\u00adcat", "special tokens typed": "[CLS] the [SEP] [MASK] [PAD]",
    "mathematical letters": "𝕥𝕙𝕖 𝕔𝕒𝕥", "full width": "ｔｈｅ　ｃａｔ", "a hard space": "the\u00a0cat",
    "flags and a keycap": "🇨🇳🇺🇸 1️⃣", "letters of Hangul": "\u1112\u1161\u11ab the", "no spaces": "สวัสดี the",
    "marks of HTML and LaTeX": "<b>the</b> &amp; $x^2$", "blank lines": "the\n\n\n\ncat", "blanks around": "   the   ",
}  # fmt: skip
EMPTY = {"nothing": "", "a blank": " ", "lines": "\n\n", "a tab": "\t", "an ideographic blank": "\u3000\u3000"}


@pytest.fixture(scope="module")
def models(
    tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase, byte_level: PreTrainedTokenizerBase
) -> Mapping[str, Model]:
    """A model of word pieces, one of bytes whose padding is its end, and an encoder-decoder."""
    root = tmp_path_factory.mktemp("texts")
    byte_level.pad_token = byte_level.eos_token
    numbers = {"vocab_size": len(byte_level), "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    return {
        "pieces": load(tiny.save("masked", "bert", root / "bert", wordpiece)),
        "bytes": load(tiny.save("causal", "gpt2", root / "gpt2", byte_level, **numbers)),
        "both": load(tiny.save("seq2seq", "t5", root / "t5", wordpiece)),
    }


@pytest.mark.parametrize("text", READ.values(), ids=READ.keys())
@pytest.mark.parametrize("which", ["pieces", "bytes", "both"])
def test_a_text_is_read_with_every_token_in_its_place(which: str, text: str, models: Mapping[str, Model]) -> None:
    model = models[which]
    run = record(model, text)
    read = run.map("encoder").encoded if "encoder" in run.parts else run.encoded
    assert all(span is None or 0 <= span[0] < span[1] <= len(read.text) for span in read.spans)
    assert all(read.labels) and not any(end in label for label in read.labels for end in "\n\r\u2028\0")
    for by in read.groupings:
        assert sorted(place for unit in read.grouped(by).places for place in unit) == list(range(len(read)))
    if model.kind != "masked" and (model.limit is None or len(read) < model.limit):
        assert generate(model, text, most=2).tokens


@pytest.mark.parametrize("text", EMPTY.values(), ids=EMPTY.keys())
@pytest.mark.parametrize("which", ["pieces", "bytes", "both"])
def test_a_text_of_nothing_is_told_so(which: str, text: str, models: Mapping[str, Model]) -> None:
    with pytest.raises(TextError) as told:
        record(models[which], text)
    assert told.value.message == "text_empty" and len({told.value.say(language) for language in LANGUAGES}) == 2
