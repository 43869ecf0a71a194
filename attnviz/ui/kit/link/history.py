"""Which changes of the address are steps that Back undoes, and which only correct the step that is there?

A person's act is one step. What the page adds by itself (a default, a language, a number brought into range on opening)
and what follows from going back corrects the entry of the browser's history that is there. Knows no browser: what is to
be written is a list of `Write`, which `address.py` hands to one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

QUIET = frozenset({"lang", "large"})  # how the page is read, not what it shows: no step of its own
HELD = 8  # writes that the browser may still have to see


@dataclass(frozen=True)
class Write:
    """One change of the address, from what it `was` to what it `says`: a new entry (`push`), or the old corrected.

    `slide` is the name of the one choice that a slider has changed: the browser, which knows when a person's hand
    rests, takes its next small steps for the same act.
    """

    turn: int
    was: Mapping[str, str]
    says: Mapping[str, str]
    push: bool
    slide: str = ""


@dataclass
class History:
    """The address as one session knows it; `says` is what it says, by short names, `writes` how it came to.

    >>> history = History()
    >>> history.arrive("page", {}, {})
    >>> history.settle({"lang": "en"})
    >>> history.act({"lang": "en", "k": "3"})
    >>> history.settle({"lang": "en", "k": "3"})
    >>> [write.push for write in history.writes]
    [False, True]
    """

    page: str | None = None
    says: Mapping[str, str] = field(default_factory=dict)
    writes: deque[Write] = field(default_factory=lambda: deque(maxlen=HELD))
    turn: int = 0
    settled: bool = False
    first: Mapping[str, str] = field(default_factory=dict)
    acted: bool = False

    def arrive(self, page: str, says: Mapping[str, str], first: Mapping[str, str]) -> None:
        """Stand at an entry that says this, on a page whose choices, taken from it, say `first`."""
        self.page, self.says, self.first = page, dict(says), dict(first)
        self.settled = self.acted = False

    def act(self, now: Mapping[str, str]) -> None:
        """Begin a run of the page that is no arrival; `now` is what its choices say."""
        if not self.settled and now != self.first:  # a person was faster than the first run
            self.acted = True

    def settle(self, said: Mapping[str, str], slides: Collection[str] = ()) -> None:
        """End a run whose choices say this. `slides` are the names of choices that move on a slider."""
        acted = self.settled or self.acted
        if self.acted:
            self._write(self.first, push=False)
        changed = {name for name in {*said, *self.says} if said.get(name) != self.says.get(name)}
        slide = "".join(changed) if len(changed) == 1 and changed <= {*slides} else ""
        self._write(said, push=acted and not changed <= QUIET, slide=slide)
        self.settled, self.acted = True, False

    def _write(self, said: Mapping[str, str], *, push: bool, slide: str = "") -> None:
        """Have the address say this."""
        if said == self.says:
            return
        self.turn += 1
        self.writes.append(Write(self.turn, self.says, dict(said), push, slide))
        self.says = dict(said)
