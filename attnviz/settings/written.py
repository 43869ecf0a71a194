"""The table of the settings in words: the same in `attnviz --help`, in README and in the reference."""

from __future__ import annotations

from attnviz.messages import say
from attnviz.settings.names import TABLE, Row, variable


def written(language: str) -> str:
    """All settings as a table in Markdown: the variable, what it is unless set, for strangers, what it means."""
    head = [say(f"settings.{column}", language) for column in ("head_name", "head_local", "head_hosted", "head_about")]
    rows = [
        [f"`{variable(name)}`", _value(name, row, row.local, language), _value(name, row, row.hosted, language),
         say(f"settings.{name}", language)]
        for name, row in TABLE.items()
    ]  # fmt: skip
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _value(name: str, row: Row, value: object, language: str) -> str:
    """What a setting is unless set."""
    if value is None:
        return say(f"settings.share_{name}", language)
    if row.kind == "switch":
        return str(int(bool(value)))
    if row.kind == "models":
        return ",".join(map(str, value)) or "–" if isinstance(value, tuple) else str(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
