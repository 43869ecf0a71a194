"""AppTest as a running server: app.py is run every time, not only the first."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from streamlit.runtime.pages_manager import PagesManager


@pytest.fixture(autouse=True)
def as_on_a_running_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """`st.navigation` turns Streamlit's own use of a pages folder off for a server's life; AppTest turns it on again
    before each run, and from the second on would run pages/attention.py without app.py."""
    original = PagesManager.__init__

    def without_folder(self: PagesManager, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)
        PagesManager.uses_pages_directory = False

    monkeypatch.setattr(PagesManager, "__init__", without_folder)


@pytest.fixture(autouse=True)
def no_fault_is_hidden(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A fault on a page is one sentence there, and whole in the log: no test may meet one that it does not clear."""
    yield
    faults = [record for record in caplog.get_records("call") if record.name == "attnviz" and record.exc_info]
    assert [record.getMessage() for record in faults if record.levelno >= logging.ERROR] == []
