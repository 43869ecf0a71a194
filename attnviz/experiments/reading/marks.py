"""What people mark in a text: who looks at what (`{小猫}[睡]了`), two words of which one is right (`{is|are}`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from attnviz.errors import TextError
from attnviz.experiments.reading.find import Pair
from attnviz.text.characters import Span

MARK = re.compile(r"\[(?!MASK\])(\[MASK\]|[^\[\]{}]*)\]|\{([^{}]*)\}")
CHOICE = re.compile(r"\{([^{}|]*)\|([^{}|]*)\}")
LONGEST = 60  # characters of a line that a sentence shows


@dataclass(frozen=True)
class Minimal:
    """A minimal pair: two texts that differ in one stretch: `span` in the right one, `other` in the wrong one.

    >>> one = minimal("The keys {are|is} here.")
    >>> one.right, one.right[slice(*one.span)], one.wrong, one.wrong[slice(*one.other)]
    ('The keys are here.', 'are', 'The keys is here.', 'is')
    """

    right: str
    wrong: str
    span: Span
    other: Span


def marked(line: str) -> list[Pair]:
    """Every `[who looks]` of a line with every `{what it should look at}`; `[MASK]` stands for itself.

    Raises `TextError` where either is missing or empty.

    >>> [pair.words for pair in marked("{小猫}和{小狗}都[睡]了")]
    [('睡', '小猫'), ('睡', '小狗')]
    """
    text, at = "", 0
    asks: list[Span] = []
    looks: list[Span] = []
    for mark in MARK.finditer(line):
        text += line[at : mark.start()]
        who = mark.group(1) is not None
        inside = mark.group(1) if who else mark.group(2)
        if not inside.strip():
            raise TextError("grammar_mark_empty", line=line[:LONGEST])
        (asks if who else looks).append((len(text), len(text) + len(inside)))
        text, at = text + inside, mark.end()
    text += line[at:]
    if not asks or not looks:
        raise TextError("grammar_mark_missing", line=line[:LONGEST])
    return [Pair(text, one, other) for one in asks for other in looks]


def minimal(line: str) -> Minimal:
    """A line with one `{right|wrong}` as two texts. Raises `TextError` where there is none, or more than one."""
    found = list(CHOICE.finditer(line))
    if len(found) != 1 or found[0].group(1).strip() == found[0].group(2).strip():
        raise TextError("grammar_choice", line=line[:LONGEST])
    start, end = found[0].span()
    before, (right, wrong), after = line[:start], found[0].groups(), line[end:]
    spans = [(start, start + len(one)) for one in (right, wrong)]
    return Minimal(before + right + after, before + wrong + after, *spans)


def lines_of(content: str) -> Iterator[str]:
    """The lines that hold something."""
    return (line.strip() for line in content.splitlines() if line.strip())


def pairs_of(lines: Iterable[str]) -> list[Pair]:
    """The pairs of some marked lines, in their order. Raises `TextError`."""
    return [pair for line in lines for pair in marked(line)]
