"""A tiny model of each type, saved once."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from tests.pages.models.opened import Folder
from tests.parity import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Folder:
    """A tiny model of one type in a folder, saved once."""
    root = tmp_path_factory.mktemp("models")

    def find(kind: str, model_type: str, **changes: object) -> str:
        place: Path = root / model_type
        return str(place if place.exists() else tiny.save(kind, model_type, place, wordpiece, **changes))

    return find
