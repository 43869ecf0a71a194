"""Start the app with the first model already loaded: `python -m attnviz.ui [options of "streamlit run"]`.

PyTorch, transformers and the model take about four seconds. `streamlit run app.py` spends them on the first visit,
where the browser needs the same cores; here they are over when the server first answers.
"""

import sys
from pathlib import Path

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli

from attnviz.figures import grid, heatmap
from attnviz.models import load
from attnviz.recorder import record
from attnviz.ui.choices import PARAMS

APP = Path(__file__).parents[2] / "app.py"


def warm_up() -> None:
    """One run and its figures, thrown away: what stays are the imports, and the files in the system's cache."""
    trace = record(load(str(PARAMS["model"].default)), str(PARAMS["text"].default))
    grid(trace)
    heatmap(trace, layer=0, head=0)


def main() -> None:
    """What `streamlit run app.py` does, after a warm-up."""
    print("Loading PyTorch and the first model: a few seconds.", flush=True)
    warm_up()
    # Else a first visitor who opens a link to a page would see that page alone, without app.py around it: until
    # `st.navigation` has run once, Streamlit takes pages/ for its older kind of multi-page app.
    PagesManager.uses_pages_directory = False
    sys.argv = ["streamlit", "run", str(APP), *sys.argv[1:]]
    cli.main()


if __name__ == "__main__":
    main()
