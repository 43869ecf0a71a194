"""What comes from outside is text in every message there is, and in every picture of a model that somebody made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect
from transformers import PreTrainedTokenizerBase

from tests.browser.conftest import serving
from tests.browser.hostile.walked import DONE, HOSTILE, all_filled
from tests.browser.person import FAULT, PATIENCE, Visit
from tests.browser.seats import Seats
from tests.browser.test_foreign import NOTHING, SEEN
from tests.parity import tiny

WALKED = Path(__file__).with_name("walked.py")
SCRIPTS = "() => [...document.querySelectorAll('[data-testid=stMain] :is(script, svg[onload], iframe)')].length"
Start = Callable[..., Visit]


@pytest.fixture
def walked(tmp_path: Path) -> Iterator[str]:
    """Where a Streamlit of its own shows every message; without our headers, which would keep a request back."""
    with serving(tmp_path, "streamlit", "run", str(WALKED)) as found:
        yield found


def test_no_message_makes_anything_of_what_stands_in_it(walked: str, chromium: Seats) -> None:
    assert sum("foreign" in one for one in all_filled()) > 1_000
    one = Visit(chromium, walked, first=True)
    one.page.goto(walked, wait_until="domcontentloaded")
    expect(one.page.get_by_text(DONE)).to_be_visible(timeout=PATIENCE * 1000)
    seen, scripts, strangers = one.page.evaluate(SEEN), one.page.evaluate(SCRIPTS), one.strangers()
    one.leave()
    assert (seen, scripts, strangers) == (NOTHING, 0, [])
    assert [fault for fault in one.faults if not FAULT.search(fault)] == []  # its own message is among those


def test_no_name_label_or_token_of_a_model_does(
    visit: Start, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    mark = "<img src=http://foreign.test/y.png>"
    wordpiece.add_tokens([mark])
    place = tiny.save(
        "masked", "bert", tmp_path / "![i](http:foreign.test)<b>", wordpiece, id2label={0: mark, 1: HOSTILE[2]}
    )
    (place / "README.md").write_text(f"---\nlicense: {json.dumps(HOSTILE[0])}\n---\n", encoding="utf-8")
    one = visit({"lang": "en", "id": str(place), "text": f"the {mark} sat [MASK] {HOSTILE[1]}"}, name="models")
    assert one.page.evaluate(SEEN) == NOTHING and one.page.evaluate(SCRIPTS) == 0
    assert one.page.get_by_text("foreign.test").count() > 0
