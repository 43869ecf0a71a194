"""Pictures of a trace as Plotly figures: finished numbers in, `plotly.graph_objects.Figure` out."""

from plotly.graph_objects import Figure

from attnviz.figures.curves import Line, bars, lines
from attnviz.figures.grid import grid
from attnviz.figures.heatmap import heatmap
from attnviz.figures.tokens import tokens
from attnviz.selection import SCALES, Scale

__all__ = ["SCALES", "Figure", "Line", "Scale", "bars", "grid", "heatmap", "lines", "tokens"]
