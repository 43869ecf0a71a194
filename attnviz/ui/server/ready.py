"""What must stand before the first visitor is let in: every import that a page needs, and the first visitor's run.

Several threads that import the same packages for the first time can meet one that is half there: of twenty visitors who
came at once to a fresh server, some saw "partially initialized module 'pandas'". So the imports are over before.
"""

from __future__ import annotations

import gc
from importlib import import_module
from pkgutil import iter_modules, walk_packages

import attnviz
from attnviz.errors import AttnvizError
from attnviz.ui.server.first_picture import draw_first

NOT_SERVED = ("attnviz.training.", "attnviz.ui.__main__", "attnviz.__main__", "attnviz.commands")
LIBRARIES = (
    "pandas", "pyarrow", "torch", "jieba", "jieba.finalseg", "plotly.graph_objects", "plotly.graph_objs._deprecations",
    "plotly.animation", "plotly.io._json", "networkx",
)  # fmt: skip
TRACES = ("bar", "heatmap", "scatter", "layout")  # parts of Plotly, each of many modules that are imported at first use


def make_ready() -> None:
    """Import everything, do the first visitor's run, which is kept, and draw its figures, which are thrown away."""
    import_all()
    do_first()
    gc.collect()
    gc.freeze()  # what stands for good is looked through no more: looking for circles takes a tenth of the time


def do_first() -> None:
    """The first visitor's run; where it cannot be, that is said here and on its pages, and the others are served."""
    try:
        draw_first()
    except AttnvizError as error:
        print(error, flush=True)


def import_all() -> None:
    """Import what any page needs, this package's own modules and those of the libraries, in this thread alone."""
    for name in LIBRARIES:
        import_module(name)
    for name in TRACES:
        _import_within(f"plotly.graph_objs.{name}")
    import_module("PIL.Image").init()
    for found in walk_packages(attnviz.__path__, "attnviz."):
        if not found.name.startswith(NOT_SERVED):
            import_module(found.name)
    import_module("attnviz.adapter.progress").import_classes()


def _import_within(name: str) -> None:
    """Import a package and everything inside it."""
    package = import_module(name)
    for found in iter_modules(getattr(package, "__path__", ()), f"{name}."):
        _import_within(found.name)
