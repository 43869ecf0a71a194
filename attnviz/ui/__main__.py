"""Start the app: `python -m attnviz.ui [--option value ...]` is `streamlit run app.py`, from any folder.

The options are those of `streamlit run` (`--server.port 8600`).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from streamlit.web.cli import main as streamlit

SERVED = Path(__file__).with_name("served") / "app.py"  # in a wheel, with settings and pages beside it (setup.py)
APP = SERVED if SERVED.is_file() else Path(__file__).parents[2] / "app.py"


def main() -> None:
    """Hand everything over to `streamlit run app.py`, which finds the server there (`attnviz.ui.server.app`)."""
    streamlit(["run", str(APP), *sys.argv[1:]], prog_name="streamlit")


def serve(words: Sequence[str]) -> None:
    """The same with the options given; a wrong one raises click's `UsageError`, for who says it in other words."""
    streamlit(["run", str(APP), *words], prog_name="streamlit", standalone_mode=False)


if __name__ == "__main__":
    main()
