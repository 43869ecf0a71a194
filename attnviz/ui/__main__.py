"""Start the app: `python -m attnviz.ui [--option value ...]` is `streamlit run app.py`, from any folder.

The options are those of `streamlit run` (`--server.port 8600`).
"""

import sys
from pathlib import Path

from streamlit.web.cli import main as streamlit

APP = Path(__file__).parents[2] / "app.py"


def main() -> None:
    """Hand everything over to `streamlit run app.py`, which finds the server there (`attnviz.ui.server.app`)."""
    streamlit(["run", str(APP), *sys.argv[1:]], prog_name="streamlit")


if __name__ == "__main__":
    main()
