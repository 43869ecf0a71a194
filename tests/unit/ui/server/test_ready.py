"""What stands before a class comes."""

from __future__ import annotations

import pytest

from attnviz.errors import ModelError
from attnviz.ui.kit import MODELS, runs
from attnviz.ui.server import first_picture


def test_the_models_of_the_first_page_are_open_before_a_class_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged one is said on its own pages, and the others are opened all the same."""
    opened, model = [], runs.model

    def taken(name: str) -> object:
        opened.append(name)
        if name == MODELS[1]:
            raise ModelError("model_not_loaded", model=name, reason="?")
        return model(name)

    monkeypatch.setattr(runs, "model", taken)
    first_picture.open_lab()
    assert opened == list(MODELS)
