"""The picture of a sound in a browser: sharp listening is strong in colour, even listening pale; played, covered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from playwright.sync_api import expect

from attnviz.messages import say
from tests.browser.person import Visit
from tests.browser.pixels import pixels
from tests.parity.hearing import network, noise, saved

Start = Callable[..., Visit]
SEEN = "() => document.documentElement.dataset.hearing === 'heard'"
PAPER, INK = (243, 244, 246), (199, 70, 10)


def opened(visit: Start, **link: str) -> Visit:
    """The page, its picture standing there."""
    one = visit({"lang": "en", **link}, name="hearing")
    one.page.wait_for_function(SEEN)
    expect(one.page.locator(".hearing .tile").first).to_be_visible()
    expect(one.page.locator(".hearing .said")).not_to_be_empty()  # it is said as soon as it is drawn
    return one


def inked(one: Visit, which: str) -> np.ndarray:
    """How much ink lies on each pixel of a canvas `[pixel, pixel]`, from 0 on its paper; NaN for any other colour."""
    found = pixels(one.page.locator(which).first)
    paper, ink = np.array(PAPER), np.array(INK)
    share = ((paper - found) @ (paper - ink)) / ((paper - ink) ** 2).sum()
    off = np.abs(found - (paper + share[..., None] * (ink - paper))).max(-1)
    return np.where(off > 3, np.nan, share)


def test_a_model_that_listens_everywhere_alike_is_pale_and_digits_is_not(visit: Start, tmp_path: Path) -> None:
    """Queries of zero give even weights: a quarter of the full colour, whatever is under it."""
    made = network("whisper")
    with torch.no_grad():
        for layer in made.model.decoder.layers:
            layer.encoder_attn.q_proj.weight.zero_()
            layer.encoder_attn.q_proj.bias.zero_()
    soundfile.write(tmp_path / "a.wav", noise(0.7).samples, noise(0.7).rate)
    one = opened(visit, model=str(saved(tmp_path / "model", "whisper", made)), file=str(tmp_path / "a.wav"))
    share = (1 / 50) / (4 / 35)  # 35 of the window's 50 frames are the sound, and drawn
    for which, full in ((".hearing .rows canvas", 0.95), (".hearing .tile canvas", 1.0)):
        found = inked(one, which)
        assert np.nanmedian(found) == pytest.approx(share * full, abs=0.01), which
        assert np.nanquantile(found, 0.99) < 0.2, which  # beside the path and its blurred sides
    one = opened(visit)
    for which in (".hearing .rows canvas", ".hearing .tile canvas"):
        assert np.nanmax(inked(one, which)) > 0.9, which


def test_a_moment_is_told_by_keys_and_covered_and_uncovered(visit: Start) -> None:
    one = opened(visit)
    stage, told = one.page.locator(".hearing .stage"), one.page.locator(".hearing .said")
    stage.focus()
    one.page.keyboard.press("Home")
    one.page.keyboard.press("ArrowRight")
    expect(told).to_contain_text("At 0.04 s listened")
    one.page.keyboard.press("Enter")
    one.link_says(moment="1")
    one.page.keyboard.press(" ")
    one.link_says(hidden="1")
    one.page.get_by_role("button", name=say("hearing.show_all", "en")).first.click()
    one.link_says(hidden=None)
