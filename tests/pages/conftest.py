"""AppTest as a running server: app.py is run every time, not only the first."""

from __future__ import annotations

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
