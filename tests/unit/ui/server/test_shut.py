"""What Streamlit would do for whoever asks is done for nobody, and a server for strangers writes no texts down."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from streamlit.runtime import caching
from streamlit.runtime.app_session import AppSession

from attnviz.errors import TextError
from attnviz.ui.server import app, shut

TYPED = "my secret diary /home/me/diary.txt"


@pytest.fixture
def undone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Streamlit and logging as they were before."""
    factory = logging.getLogRecordFactory()
    for name in shut.REFUSED:
        monkeypatch.setattr(AppSession, name, getattr(AppSession, name))
    yield
    logging.setLogRecordFactory(factory)


def test_no_message_of_a_browser_clears_what_is_kept_for_others(undone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    cleared: list[str] = []
    monkeypatch.setattr(caching.cache_data, "clear", lambda: cleared.append("data"))
    monkeypatch.setattr(caching.cache_resource, "clear", lambda: cleared.append("resource"))
    monkeypatch.delattr(AppSession, "__del__")  # of one that was never begun
    session = AppSession.__new__(AppSession)
    session._session_state = type("State", (), {"clear": lambda _: cleared.append("session")})()  # type: ignore[assignment]
    session._handle_clear_cache_request()
    assert cleared == ["data", "resource", "session"], "Streamlit does it no more: shut.py can go"
    cleared.clear()
    app.checked()
    session._handle_clear_cache_request()
    session._handle_git_information_request()
    session._handle_set_run_on_save_request(True)
    assert cleared == []


def told(caplog: pytest.LogCaptureFixture) -> str:
    """What a log holds of a fault, and of a sentence that was said."""
    caplog.clear()
    log = logging.getLogger("attnviz")
    try:
        raise RuntimeError(TYPED)
    except RuntimeError as error:
        log.error("fault %s on a page", "a1b2c3", exc_info=error)
        log.warning("%s: %s", "call_failed", TextError("call_failed", function="record", reason=TYPED), exc_info=error)
    return caplog.text


def test_logs_for_strangers_hold_no_texts_and_no_paths(
    undone: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app.checked()
    assert told(caplog).count(TYPED) >= 3, "on one's own machine the log has everything"
    monkeypatch.setenv("ATTNVIZ_HOSTED", "1")
    app.checked()
    said = told(caplog)
    assert "diary" not in said and "/home" not in said
    assert "fault a1b2c3 on a page: RuntimeError at test_shut.py" in said and "call_failed" in said


def test_uploads_are_bounded_by_the_settings(undone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, object] = {}
    monkeypatch.setattr(app.config, "set_option", heard.__setitem__)
    monkeypatch.setattr(app.config, "is_manually_set", lambda _: False)
    monkeypatch.setenv("ATTNVIZ_HOSTED", "1")
    app.checked()
    assert heard == {"server.maxUploadSize": 10, "server.allowedHosts": []}
