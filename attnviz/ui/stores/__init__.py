"""What is kept for all readers: models and runs. Pages take these names from here."""

from attnviz.ui.stores import runs
from attnviz.ui.stores.models import model_store

__all__ = ["model_store", "runs"]
