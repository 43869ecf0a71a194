"""Start the app with the first model already loaded: `python -m attnviz.ui [--option value ...]`.

PyTorch, transformers and the model take about four seconds. `streamlit run app.py` spends them on the first visit,
where the browser needs the same cores; here they are over when the server first answers. The options are those of
`streamlit run` (`--server.port 8600`).
"""

import sys
from collections.abc import Sequence

from streamlit.runtime.pages_manager import PagesManager

from attnviz.ui.server.app import APP, make
from attnviz.ui.server.first_picture import warm_up


def options(arguments: Sequence[str]) -> dict[str, object]:
    """Streamlit's options by their names: `--server.port 8600`, `--server.headless=true` or `--server.headless`."""
    found: dict[str, object] = {}
    rest = list(arguments)
    while rest:
        name, given, value = rest.pop(0).partition("=")
        if not name.startswith("--"):
            raise SystemExit(f"python -m attnviz.ui takes options such as --server.port 8600, not {name!r}.")
        if not given:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        found[name[2:]] = {"true": True, "false": False}.get(value.lower(), int(value) if value.isdigit() else value)
    return found


def main() -> None:
    """What `streamlit run app.py` does, after a warm-up, with the first picture in the page."""
    chosen = options(sys.argv[1:])
    print("Loading PyTorch and the first model: a few seconds.", flush=True)
    warm_up()
    # Else a first visitor who opens a link to a page would see that page alone, without app.py around it: until
    # `st.navigation` has run once, Streamlit takes pages/ for its older kind of multi-page app.
    PagesManager.uses_pages_directory = False
    sys.argv = [str(APP)]  # where Streamlit looks for .streamlit/config.toml
    make().run(config=chosen)


if __name__ == "__main__":
    main()
