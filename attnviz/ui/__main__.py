"""Start the app: `python -m attnviz.ui [--option value ...]` is `streamlit run app.py`, from any folder.

The options are those of `streamlit run` (`--server.port 8600`) and the settings of `attnviz --help` (`--hosted`).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from streamlit.web.cli import main as streamlit

from attnviz import settings
from attnviz.errors import AttnvizError

WRONG = 2  # the exit code for settings that cannot be
SERVED = Path(__file__).with_name("served") / "app.py"  # in a wheel, with settings and pages beside it (setup.py)
APP = SERVED if SERVED.is_file() else Path(__file__).parents[2] / "app.py"


def main() -> None:
    """Hand everything over to `streamlit run app.py`, which finds the server there (`attnviz.ui.server.app`)."""
    try:
        words = told(sys.argv[1:])
    except AttnvizError as error:
        print(error, file=sys.stderr)
        sys.exit(WRONG)
    streamlit(["run", str(APP), *words], prog_name="streamlit")


def serve(words: Sequence[str]) -> None:
    """The same with the options given; a wrong one raises click's `UsageError`, for who says it in other words."""
    streamlit(["run", str(APP), *told(words)], prog_name="streamlit", standalone_mode=False)


def told(words: Sequence[str]) -> list[str]:
    """What Streamlit is told: its options, and what follows from the settings, which hold from now on.

    A server for strangers is reached from everywhere, unless an address is named. Raises `AttnvizError` for a setting.
    """
    own, others = settings.split(words)
    now = settings.use(own)
    follows = {"server.address": "0.0.0.0", "server.headless": "true", "browser.serverAddress": "localhost"}
    follows = follows if now.hosted else {}  # without the last, Streamlit asks a server elsewhere for our address
    named = {word.partition("=")[0] for word in others}
    more = [word for name, said in follows.items() if f"--{name}" not in named for word in (f"--{name}", str(said))]
    return [*others, *more]


if __name__ == "__main__":
    main()
