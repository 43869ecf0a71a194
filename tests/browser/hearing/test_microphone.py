"""A recording by a microphone that Chromium plays from a file: what is spoken into it is written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from attnviz.messages import say
from attnviz.systems.speech.system import load
from attnviz.systems.speech.text import WORDS
from tests.browser.conftest import ARGUMENTS, program
from tests.browser.person import Visit
from tests.browser.seats import Seats

RATE = 48_000  # as of most microphones
STILL = 60  # seconds behind what is said, for a slow machine
SAID = (5, 1, 9)


@pytest.fixture
def speaker(chromium: Seats, address: str, tmp_path: Path) -> Iterator[Visit]:
    """A person in front of a microphone that hears digits; nobody is asked whether it may be used."""
    said = load("digits").say("george " + "".join(map(str, SAID))).sound.at(RATE)
    file = tmp_path / "said.wav"
    soundfile.write(file, np.concatenate([said, np.zeros(STILL * RATE, np.float32)]), RATE)
    devices = (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}%noloop",
    )  # fmt: skip
    kind = chromium.browser.browser_type
    browser = kind.launch(executable_path=program(), args=[*ARGUMENTS, *devices])
    one = Visit(Seats(browser), address)
    yield one
    one.leave()
    browser.close()
    assert one.faults == [] and one.strangers() == []


def test_digits_that_are_spoken_are_written_down_and_taken_back(speaker: Visit) -> None:
    page = speaker.open({"lang": "en"}, "hearing").page
    heard = page.get_by_text(" ".join(WORDS["en"][digit] for digit in SAID))
    sample = page.get_by_text(" ".join(WORDS["en"][digit] for digit in (3, 0, 7)))
    expect(sample).to_be_visible()
    page.get_by_text(say("hearing.source_microphone", "en"), exact=True).click()
    box = page.get_by_test_id("stAudioInput")
    box.get_by_role("button", name="Record", exact=True).click()
    expect(box).to_contain_text("00:04")
    box.get_by_role("button", name="Stop recording").click()
    expect(heard).to_be_visible()
    speaker.says(say("hearing.rate", "en", rate=16_000, read=8_000))
    speaker.says(say("hearing.not_in_link", "en"))
    expect(page.locator(".hearing .rows button")).to_have_count(len(SAID) + 1)
    box.get_by_role("button", name="Clear recording").click()
    expect(sample).to_be_visible()
