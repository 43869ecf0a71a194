"""What can be loaded, and how: a built-in name, a Hub id, a local folder or a GGUF file, all by the same path."""

from attnviz.adapter.progress import Progress
from attnviz.models.card import Card, read_card
from attnviz.models.catalogue import Entry, catalogue
from attnviz.models.fetch import fetch
from attnviz.models.finding import DetectionModel
from attnviz.models.forecasting import ForecastModel
from attnviz.models.hearing import HearingModel
from attnviz.models.load import BUILT_IN, COMPARED, Model, built_in_folder, load
from attnviz.models.memory import check_run, forecast, most_tokens
from attnviz.models.seeing import VisionLanguageModel, VisionModel
from attnviz.models.wrapped import Wrapped, wrap

__all__ = [
    "BUILT_IN",
    "COMPARED",
    "Card",
    "DetectionModel",
    "Entry",
    "ForecastModel",
    "HearingModel",
    "Model",
    "Progress",
    "VisionLanguageModel",
    "VisionModel",
    "Wrapped",
    "built_in_folder",
    "catalogue",
    "check_run",
    "fetch",
    "forecast",
    "load",
    "most_tokens",
    "read_card",
    "wrap",
]
