"""The figures of a model card: README.md of the model's folder, in the Hub's own `model-index` form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from attnviz import shipped


@dataclass(frozen=True)
class Card:
    """The figures of one model card by name (`masked_accuracy_zh`, ...), and each head's habit where it is named."""

    model: str
    figures: dict[str, float]


@cache
def read_card(name: str) -> Card | None:
    """What does the card of a model or a shipped system say? None without a local card."""
    from huggingface_hub import ModelCard

    path = shipped.folder(name) / "README.md"
    if not path.is_file():
        return None
    results = ModelCard.load(path).data.eval_results or []
    return Card(name, {result.metric_type: float(result.metric_value) for result in results})
