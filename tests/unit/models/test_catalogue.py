"""The list of models that the app offers."""

from __future__ import annotations

from attnviz.models import catalogue


def test_list_has_the_families_and_says_what_they_cost() -> None:
    families = {entry.family for entry in catalogue()}
    assert {"attnviz", "BERT", "RoBERTa", "GPT-2", "Qwen", "SmolLM", "T5", "Marian"} <= families
    assert len({entry.name for entry in catalogue()}) == len(catalogue())
    for entry in catalogue():
        assert set(entry.title) == set(entry.about) == {"zh", "en"}
        assert entry.megabytes > 0
        assert entry.licence
