"""Pictures of a trace as Plotly figures: finished numbers in, `plotly.graph_objects.Figure` out."""

from attnviz.figures.grid import grid
from attnviz.figures.heatmap import heatmap
from attnviz.figures.palette import SCALES, Scale
from attnviz.figures.tokens import tokens

__all__ = ["SCALES", "Scale", "grid", "heatmap", "tokens"]
