"""What goes wrong on a page and is not the reader's mistake: one sentence, a code, nothing that was typed is lost."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import table
from attnviz.ui.pages.attention import choices
from attnviz.ui.stores import runs
from tests.pages.opened import chosen, opened

SECRET = "/home/somebody/.cache: cannot be multiplied"


def broken(*_: object, **__: object) -> None:
    raise RuntimeError(SECRET)


def told(at: AppTest, caplog: pytest.LogCaptureFixture, language: str) -> None:
    """One sentence in the reader's language, its code in the log beside the whole error; clears the log."""
    assert not at.exception
    (sentence,) = [error.value for error in at.error]
    pattern = re.escape(table(language)["ui.fault"]).replace(re.escape("{code}"), "([0-9a-f]{6})")
    found = re.fullmatch(pattern, sentence)
    assert found is not None
    (record,) = [one for one in caplog.records if one.name == "attnviz"]
    assert found[1] in record.getMessage()
    assert record.exc_info is not None and SECRET in str(record.exc_info[1])
    caplog.clear()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_fault_in_the_engine_is_one_sentence_and_the_text_stays(
    language: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runs, "trace", broken)
    at = opened(language, text="乒乓球拍卖完了")
    told(at, caplog, language)
    assert chosen(at, "text") == "乒乓球拍卖完了"
    assert at.query_params["text"] in ("乒乓球拍卖完了", ["乒乓球拍卖完了"])


def test_a_fault_outside_the_engine_is_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(choices, "choose_look", broken)
    told(opened("en"), caplog, "en")


def test_a_fault_at_a_click_is_told_by_the_server(caplog: pytest.LogCaptureFixture) -> None:
    def script() -> None:
        from attnviz.ui.server.app import told

        assert told(RuntimeError("/home/somebody/.cache: cannot be multiplied"))

    at = AppTest.from_function(script).run()
    told(at, caplog, "en")


def test_a_sentence_of_the_engine_stays_the_readers_affair(caplog: pytest.LogCaptureFixture) -> None:
    at = opened("en", text=" ")
    assert [error.value for error in at.error] == [table("en")["error.text_empty"]]
    assert [one for one in caplog.records if one.name == "attnviz"] == []
