"""Start the app: `python -m attnviz.ui [--option value ...]` is `streamlit run app.py`, from any folder.

The options are those of `streamlit run` (`--server.port 8600`) and the settings of `attnviz --help` (`--hosted`).
"""

import errno
import socket
import sys
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

from streamlit.web.cli import main as streamlit

from attnviz import settings
from attnviz.errors import AttnvizError, first_line

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

    A server for strangers is reached from everywhere, unless an address is named. Raises `AttnvizError` for a setting,
    and for a port that cannot be had.
    """
    own, others = settings.split(words)
    follows = _for_strangers() if settings.use(own).hosted else {}
    named = _named(others)
    said = follows | named
    _check_port(said.get("--server.address") or "localhost", said.get("--server.port", ""))
    return [*others, *chain.from_iterable(pair for pair in follows.items() if pair[0] not in named)]


def _for_strangers() -> dict[str, str]:
    """What a server for strangers is told; without the last, Streamlit asks a server elsewhere for our address."""
    return {"--server.address": everywhere(), "--server.headless": "true", "--browser.serverAddress": "localhost"}


def everywhere() -> str:
    """The address under which a server is reached from everywhere: that of IPv6 where this machine has no other."""
    import psutil

    families = {
        one.family
        for there in psutil.net_if_addrs().values()
        for one in there
        if not one.address.startswith(("127.", "::1", "fe80"))
    }
    return "::" if socket.AF_INET6 in families and socket.AF_INET not in families else "0.0.0.0"


def _named(words: Sequence[str]) -> dict[str, str]:
    """What was last said of each option, in the same word or in the one after it."""
    found = {}
    for word, following in pairwise([*words, ""]):
        name, within, said = word.partition("=")
        found[name] = said if within else following
    return found


def _check_port(address: str, port: str) -> None:
    """Can the port that was asked for be had? Raises `AttnvizError`. Unless asked, Streamlit takes one that is free."""
    if not port.isdecimal():
        return
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as asked:
        if sys.platform != "win32":  # where it would let two have one
            asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((address, int(port)))
        except (OSError, OverflowError) as reason:  # an address that is none is Streamlit's to say
            if isinstance(reason, OSError) and reason.errno not in (errno.EADDRINUSE, errno.EACCES):
                return
            raise AttnvizError("server_port", port=port, reason=first_line(reason)) from reason


if __name__ == "__main__":
    main()
