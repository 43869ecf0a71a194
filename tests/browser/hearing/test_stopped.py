"""A model that writes for many seconds is stopped on the page on speech."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import soundfile
import torch
import transformers as hf
from playwright.sync_api import expect

from attnviz.messages import say
from tests.browser.person import Visit
from tests.parity.hearing import WRITES, noise, saved, tokenizer

NARROW = {"decoder_layers": 64, "max_target_positions": 448}  # small, and slow all the same


def test_stop_keeps_what_a_model_has_written(visit: Callable[..., Visit], tmp_path: Path) -> None:
    torch.manual_seed(0)
    (tmp_path / "words").mkdir()
    config = hf.WhisperConfig(vocab_size=len(tokenizer(tmp_path / "words")), **{**WRITES, **NARROW})
    whisper = hf.WhisperForConditionalGeneration(config)
    folder = saved(tmp_path / "model", "whisper", whisper.eval())
    soundfile.write(tmp_path / "a.wav", noise(0.7).samples, noise(0.7).rate)
    one = visit({"lang": "en"}, name="hearing")
    one.page.goto(f"{one.address}/hearing?lang=en&model={folder}&file={tmp_path / 'a.wav'}")
    one.page.get_by_role("button", name=say("ui.write_stop", "en"), exact=True).click()
    expect(one.page.get_by_text("You stopped it after")).to_be_visible()
    rows = one.page.locator(".hearing .rows button")
    expect(rows.first).to_be_visible()
    count = rows.count()
    assert count > 0
    expect(one.page.get_by_text(f"You stopped it after {count} tokens")).to_be_visible()
