"""The readings of one text: written by a person, or found in a dictionary's lattice with their probabilities."""

from __future__ import annotations

import heapq
import math
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

from attnviz.errors import TextError
from attnviz.threads import cached_property

RUN = re.compile(r"[^\W\d_\u2e80-\U0003ffff]+|\d+(?:[.,]\d+)*")  # letters of a spaced script, or a number: one unit
ENGLISH = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
Span = tuple[int, int]


@dataclass(frozen=True)
class Reading:
    """One interpretation of a text: units `[start, end)` of characters, in order; spaces around them belong to none."""

    text: str
    units: tuple[Span, ...]

    @classmethod
    def parse(cls, written: str) -> Reading:
        """A reading as a person writes it: 南京市/长江大桥, or `I saw [the man] with the telescope`.

        Slashes cut wherever they stand. Brackets join words into one unit, the words outside stay alone; of nested
        brackets the outer ones count. Raises `TextError` for brackets that do not match and for a text of nothing.

        >>> str(Reading.parse("南京市/长江大桥"))
        '南京市 / 长江大桥'
        >>> str(Reading.parse("I saw [the man] again"))
        'I / saw / the man / again'
        """
        if "[" in written or "]" in written:
            return cls._bracketed(written)
        parts = re.split(r"[/／]", written)
        text = "".join(parts)
        if not text.strip():
            raise TextError("text_empty")
        ends = [sum(map(len, parts[: number + 1])) for number in range(len(parts))]
        spans = [_trimmed(text, end - len(part), end) for part, end in zip(parts, ends, strict=True)]
        return cls(text, tuple(span for span in spans if span[0] < span[1]))

    @classmethod
    def _bracketed(cls, written: str) -> Reading:
        """Words alone, and what stands in brackets together."""
        text, joined, opened = "", list[Span](), list[int]()
        for character in written:
            if character == "[":
                opened.append(len(text))
            elif character == "]":
                if not opened:
                    raise TextError("reading_brackets")
                start = opened.pop()
                joined += [] if opened else [_trimmed(text, start, len(text))]
            else:
                text += character
        if opened:
            raise TextError("reading_brackets")
        if not text.strip():
            raise TextError("text_empty")
        alone = [match.span() for match in ENGLISH.finditer(text)]
        free = [(a, b) for a, b in alone if not any(a < end and start < b for start, end in joined)]
        return cls(text, tuple(sorted(free + [span for span in joined if span[0] < span[1]])))

    @classmethod
    def of_words(cls, text: str, starts: Iterable[int]) -> Reading:
        """The reading whose units begin at these characters."""
        at = sorted({0, *starts, len(text)})
        spans = [_trimmed(text, a, b) for a, b in pairwise(at)]
        return cls(text, tuple(span for span in spans if span[0] < span[1]))

    @property
    def words(self) -> list[str]:
        """The units as they stand in the text."""
        return [self.text[start:end] for start, end in self.units]

    def __str__(self) -> str:
        return " / ".join(self.words)


def same_text(first: Reading, second: Reading) -> str:
    """The text that both readings read. Raises `TextError` when they read different ones, or are the same reading."""
    if first.text != second.text:
        raise TextError("readings_differ", first=first.text, second=second.text)
    if first.units == second.units:
        raise TextError("readings_equal", reading=str(first))
    return first.text


@dataclass(frozen=True)
class Lattice:
    """All ways to cut a text into a dictionary's words, a unigram model's probability on each.

    A way's probability is the product of its words' shares of the dictionary's counts, divided by the sum over all
    ways. A character that begins no word is a word of count 1, as in jieba; a run of Latin letters or digits is one
    word. `counts` are occurrences by word, `total` their sum; `own` words are given the count that makes each as
    probable as its best cut (jieba's `suggest_freq`).
    """

    text: str
    counts: Mapping[str, int]
    total: float
    own: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str, own: Sequence[str] = ()) -> Lattice:
        """The lattice of jieba's dictionary (0.42.1: 349,046 words, MIT). Raises `TextError` for an empty text."""
        import jieba  # 0.8 s, and only readings need it

        jieba.setLogLevel(60)
        jieba.initialize()
        if not text.strip():
            raise TextError("text_empty")
        return cls(text, jieba.dt.FREQ, jieba.dt.total, tuple(word for word in own if word.strip()))

    @cached_property
    def edges(self) -> tuple[tuple[tuple[int, float], ...], ...]:
        """For every character, the words that begin there: (end, natural logarithm of the share). `[character]`."""
        runs = {match.start(): match.end() for match in RUN.finditer(self.text)}
        inside = {place for start, end in runs.items() for place in range(start + 1, end)}
        return tuple(
            () if place in inside else tuple(self._words_at(place, runs.get(place, place + 1), inside))
            for place in range(len(self.text))
        )

    def _words_at(self, start: int, least: int, inside: set[int]) -> Iterator[tuple[int, float]]:
        """The words from `start` on; `least` is where the smallest of them ends."""
        found = {least: max(self.counts.get(self.text[start:least], 0), 1)}
        for end in range(start + 1, len(self.text) + 1):
            if self.text[start:end] not in self.counts:  # jieba's dictionary holds every beginning of its words
                break
            if end not in inside and self.counts[self.text[start:end]]:
                found[end] = self.counts[self.text[start:end]]
        for word in self.own:
            end = start + len(word)
            if self.text.startswith(word, start) and end not in inside:
                found[end] = max(found.get(end, 0), self._suggested(word))
        for end, count in sorted(found.items()):
            yield end, math.log(count / self.total)

    def _suggested(self, word: str) -> int:
        """The count that makes a new word just more probable than its best cut."""
        parts = Lattice(word, self.counts, self.total).best(1)[0][0].words
        share = math.prod(max(self.counts.get(part, 0), 1) / self.total for part in parts)
        return max(int(share * self.total) + 1, self.counts.get(word, 0))

    @cached_property
    def _ahead(self) -> list[float]:
        """ln of the sum over all ways from each character to the end, `[character + 1]`."""
        total = [-math.inf] * len(self.text) + [0.0]
        for place in reversed(range(len(self.text))):
            total[place] = _log_sum(share + total[end] for end, share in self.edges[place])
        return total

    @cached_property
    def _behind(self) -> list[float]:
        """ln of the sum over all ways from the beginning to each character, `[character + 1]`."""
        total = [0.0] + [-math.inf] * len(self.text)
        for place, words in enumerate(self.edges):
            for end, share in words:
                total[end] = _log_sum((total[end], total[place] + share))
        return total

    def best(self, count: int) -> list[tuple[Reading, float]]:
        """The `count` most probable readings and their probabilities (0 to 1), the most probable first."""
        ways: list[list[tuple[float, tuple[int, ...]]]] = [[] for _ in self.text] + [[(0.0, ())]]
        for place in reversed(range(len(self.text))):
            longer = (
                (share + rest, (place, *starts)) for end, share in self.edges[place] for rest, starts in ways[end]
            )
            ways[place] = heapq.nlargest(count, longer, key=lambda way: (way[0], way[1]))
        return [(Reading.of_words(self.text, starts), math.exp(share - self._ahead[0])) for share, starts in ways[0]]

    def probability(self, reading: Reading) -> float:
        """How probable is this reading? 0 where a unit is no word of the lattice, or the text is another."""
        if reading.text != self.text:
            return 0.0
        wanted = {start for start, _ in reading.units} | {0, len(self.text)}
        wanted |= {end for _, end in reading.units if end < len(self.text)}
        share, place = 0.0, 0
        while place < len(self.text):
            end = min(at for at in wanted if at > place)
            found = dict(self.edges[place]).get(end) if self.edges[place] else None
            if found is None:
                return 0.0
            share, place = share + found, end
        return math.exp(share - self._ahead[0])

    def begins(self) -> list[float]:
        """How probable is it that a word begins at each character? Summed over all readings, `[character]`."""
        pairs = zip(self._behind, self._ahead, strict=True)
        return [math.exp(behind + ahead - self._ahead[0]) for behind, ahead in pairs][: len(self.text)]


@dataclass(frozen=True)
class Case:
    """One sentence and its two readings as written, their glosses by language, and what may stand around it."""

    name: str
    first: str
    second: str
    glosses: dict[str, tuple[str, str]]
    contexts: tuple[tuple[str, str], ...]

    @property
    def readings(self) -> tuple[Reading, Reading]:
        """Reading A and reading B."""
        return Reading.parse(self.first), Reading.parse(self.second)


@cache
def cases() -> dict[str, Case]:
    """All of them by name, in the order in which they are offered."""
    table = tomllib.loads(files("attnviz").joinpath("content", "readings.toml").read_text(encoding="utf-8"))
    return {
        name: Case(
            name,
            case["first"],
            case["second"],
            {language: (case[f"first_{language}"], case[f"second_{language}"]) for language in ("zh", "en")},
            tuple((before, after) for before, after in case["contexts"]),
        )
        for name, case in table.items()
    }


def within(reading: Reading, before: str, after: str) -> Reading:
    """The same reading with text before and after it, which is cut as the dictionary would."""
    start, end = len(before), len(before) + len(reading.text)
    units = [(a + start, b + start) for a, b in reading.units]
    for place, text in ((0, before), (end, after)):
        if text.strip():
            units += [(a + place, b + place) for a, b in Lattice.of(text).best(1)[0][0].units]
    return Reading(before + reading.text + after, tuple(sorted(units)))


def without_spaces(reading: Reading) -> Reading:
    """The same units of the text with its spaces taken out, so that nothing says where a word begins.

    >>> str(without_spaces(Reading.parse("I saw [the man]")))
    'I / saw / theman'
    """
    kept = [0]
    for character in reading.text:
        kept.append(kept[-1] + (not character.isspace()))
    units = tuple((kept[start], kept[end]) for start, end in reading.units)
    return Reading("".join(reading.text.split()), units)


def _trimmed(text: str, start: int, end: int) -> Span:
    """A span without the spaces at its ends."""
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())


def _log_sum(terms: Iterable[float]) -> float:
    """ln of a sum, from the logarithms of its terms; -inf of nothing."""
    known = [term for term in terms if term > -math.inf]
    top = max(known, default=-math.inf)
    return top if top == -math.inf else top + math.log(sum(math.exp(term - top) for term in known))
