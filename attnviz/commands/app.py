"""`attnviz` and `attnviz app`: the app in the browser, with the options of `streamlit run`."""

from __future__ import annotations

from collections.abc import Sequence

from attnviz.errors import AttnvizError


def start(words: Sequence[str]) -> int:
    """Serve the app until it is stopped; the exit code. Raises `AttnvizError` for an option that Streamlit lacks."""
    from click import UsageError

    from attnviz.ui.__main__ import serve

    try:
        serve(words)
    except UsageError as error:
        named = getattr(error, "option_name", None) or getattr(getattr(error, "param", None), "opts", [None])[0]
        raise AttnvizError("command_option", given=named or " ".join(words)) from error
    return 0
