"""What can be loaded, and how: a built-in name, a Hub id or a local folder, all by the same path."""

from attnviz.models.card import Card, read_card
from attnviz.models.load import BUILT_IN, Model, built_in_folder, load

__all__ = ["BUILT_IN", "Card", "Model", "built_in_folder", "load", "read_card"]
