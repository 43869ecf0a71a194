"""What is kept for all readers: models and runs, and the rule that a run is known by."""

from attnviz.ui.stores import runs
from attnviz.ui.stores.allowed import offered, open_folders
from attnviz.ui.stores.arrivals import arrivals
from attnviz.ui.stores.choice import HARD, KINDS, SETTINGS, SOFT, SPARSE, RuleChoice, Setting, as_rule
from attnviz.ui.stores.models import model_store
from attnviz.ui.stores.turns import Turns, figures, forget, server_turns

__all__ = [
    "HARD", "KINDS", "SETTINGS", "SOFT", "SPARSE", "RuleChoice", "Setting", "Turns", "arrivals", "as_rule", "figures",
    "forget", "model_store", "offered", "open_folders", "runs", "server_turns",
]  # fmt: skip
