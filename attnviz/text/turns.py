"""What makes a chat of a text: the role of each turn, and the turn of each token; and chats that are typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from attnviz.messages import say

WRITES = "assistant"  # the role of whoever answers
ROLES = {
    "system": "system", "系统": "system", "user": "user", "用户": "user", "assistant": "assistant", "助手": "assistant",
}  # fmt: skip
HEAD = re.compile(rf"^[ \t]*({'|'.join(ROLES)})[ \t]*[:：][ \t]?", re.IGNORECASE)


def role_name(role: str, language: str) -> str:
    """What a reader calls a role; one that only its template knows ("tool") by its own name.

    >>> role_name("user", "zh"), role_name("tool", "zh")
    ('用户', 'tool')
    """
    return say(f"figure.role_{role}", language) if role in ROLES.values() else role


@dataclass(frozen=True)
class Chat:
    """What makes a chat of one text: the role of each turn, and of each token `[token]` the number of its turn.

    None where the template wrote it.
    """

    roles: tuple[str, ...]
    turns: tuple[int | None, ...]

    def first(self, count: int) -> Chat:
        """The same for the first `count` tokens."""
        return Chat(self.roles, self.turns[:count])

    def answered(self, special: Sequence[bool]) -> Chat:
        """With the tokens of an answer after it, those that are `special` the template's."""
        last = max((turn for turn in self.turns if turn is not None), default=None)
        goes_on = self.turns[-1:] == (last,) and last is not None and self.roles[last] == WRITES
        roles = self.roles if goes_on else (*self.roles, WRITES)
        return Chat(roles, (*self.turns, *(None if mark else len(roles) - 1 for mark in special)))

    def named(self) -> tuple[str | None, ...]:
        """The role of each token, None for what the template wrote."""
        return tuple(None if turn is None else self.roles[turn] for turn in self.turns)


def turns_in(text: str) -> list[dict[str, str]]:
    """A chat that was typed: a line of a role and a colon begins a turn; what stands before the first is the user's.

    >>> turns_in("系统：说中文\\nuser: hi\\nthere")
    [{'role': 'system', 'content': '说中文'}, {'role': 'user', 'content': 'hi\\nthere'}]
    """
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        head = HEAD.match(line)
        if head:
            found.append((ROLES[head[1].lower()], [line[head.end() :]]))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            found.append(("user", [line]))
    return [{"role": role, "content": "\n".join(lines).strip()} for role, lines in found]
