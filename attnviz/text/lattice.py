"""Where can a text be cut into words in two ways? Stretches of crossing words, by a dictionary, with both readings.

Chinese by jieba's dictionary; letters, whose spaces do not count, by the words that `lab-readings` was taught. Two
words cross when each has characters that the other lacks (市长 and 长江 in 市长江). A stretch is cut in two ways:

* first: by the best path (Viterbi over unigram log-probabilities) whose first word there reaches further
  (南京市 / 长江大桥), the first word of a chain of crossing words;
* second: by the best path through the likeliest word that crosses it (南京 / 市长 / 江 / 大桥).

A word that can be read as its parts as well (将来 as 将 / 来, nowhere as now / here) is a stretch too, of the kind
"compound". Around the stretches the best path of all holds in both readings.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Literal

from attnviz import shipped
from attnviz.text.segmentation import Reading, Span
from attnviz.threads import cached_property

MODEL = "lab-readings"  # the folder that holds the words of the training text
LEAST = 40  # the least count of a Chinese word of two characters or more
LONGEST_ZH, LONGEST_EN = 8, 16
COMPOUND_ZH, COMPOUND_EN = 3.5, 6.0  # nats by which a word may at most be likelier than its parts
WORSE_EN = 25.0  # nats by which the second-best path through a word may at most be worse
UNKNOWN = -18.0  # nats of a letter that is in no word
TAILS = frozenset(("s", "t", "d", "m", "ll", "re", "ve"))  # what may follow an apostrophe
LETTERS = re.compile(r"[a-z]+")
HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]+")
Kind = Literal["crossing", "compound"]
Edges = list[dict[int, float]]  # by first character: the words from there on, their end and log-probability


@dataclass(frozen=True)
class Dictionary:
    """What counts as a word: occurrences by word, Chinese and English, and the logarithm of each total."""

    chinese: Mapping[str, int]
    english: Mapping[str, int]
    total_zh: float
    total_en: float

    @classmethod
    def of(cls, english: Mapping[str, int]) -> Dictionary:
        """jieba's dictionary (0.42.1, MIT), and these English words."""
        import jieba  # 0.8 s, and only readings need it

        jieba.setLogLevel(60)
        jieba.initialize()
        return cls(jieba.dt.FREQ, english, math.log(jieba.dt.total), math.log(max(sum(english.values()), 1)))


@cache
def dictionary() -> Dictionary:
    """jieba's dictionary, and the words that stand beside the weights of `lab-readings`."""
    return Dictionary.of(shipped.word_counts(MODEL))


@dataclass(frozen=True)
class Stretch:
    """A part `[start, end)` of a text that can be cut in two ways; `text` is the whole, as it was typed.

    `first` and `second` are the words of the two readings, without spaces; the first word of `first` reaches further.
    `kind` is "compound" where one reading is a single word. `nats` says how much likelier the first reading is.
    """

    text: str
    start: int
    end: int
    first: tuple[str, ...]
    second: tuple[str, ...]
    kind: Kind
    nats: float

    def units(self, side: int) -> tuple[Span, ...]:
        """The words of the first (0) or the second (1) reading as characters of the text."""
        places = [place for place in range(self.start, self.end) if not self.text[place].isspace()]
        found, at = [], 0
        for word in (self.first, self.second)[side]:
            found.append((places[at], places[at + len(word) - 1] + 1))
            at += len(word)
        return tuple(found)

    @property
    def bare(self) -> str:
        """Its characters without spaces."""
        return "".join(self.first)

    def __str__(self) -> str:
        return f"{'/'.join(self.first)} | {'/'.join(self.second)}"


@dataclass(frozen=True)
class Cut:
    """A text with its best path and its stretches; `units` are the words of the best path as characters."""

    text: str
    units: tuple[Span, ...]
    stretches: tuple[Stretch, ...]

    def reading(self, side: int, only: Stretch | None = None) -> Reading:
        """The whole text in the first (0) or second (1) reading of its stretches; of one alone: the others as `units`.

        Of `only` the reading asked for is taken, elsewhere the best path, so that two readings differ in one stretch.
        """
        chosen = self.stretches if only is None else (only,)
        kept = [unit for unit in self.units if not any(s.start <= unit[0] < s.end for s in chosen)]
        return Reading(self.text, tuple(sorted([*kept, *(unit for s in chosen for unit in s.units(side))])))


def stretches(text: str, words: Dictionary | None = None) -> tuple[Stretch, ...]:
    """Which parts of a text can be cut in two ways? In order; spaces between letters do not count.

    >>> [str(one) for one in stretches("南京市长江大桥")]
    ['南京市/长江大桥 | 南京/市长/江/大桥']
    """
    return cut(text, words).stretches


def cut(text: str, words: Dictionary | None = None) -> Cut:
    """The best path of a text and the stretches that can be cut in two ways."""
    words = words or dictionary()
    places = [place for place, character in enumerate(text) if not character.isspace()]
    bare = "".join(plain(text[place]) for place in places)
    units, found = list[Span](), list[_Part]()
    at = 0
    while at < len(bare):
        run = HAN.match(bare, at) or LETTERS.match(bare, at)
        if run is None:
            units.append((at, at + 1))
            at += 1
            continue
        made = _chinese if HAN.match(bare, at) else _english
        path, parts = made(_Graph(run.group(), _edges(bare, at, run.end(), words)))
        units += [(at + a, at + b) for a, b in path]
        found += [part.moved(at) for part in parts]
        at = run.end()
    typed = tuple((places[a], places[b - 1] + 1) for a, b in units)
    return Cut(text, typed, tuple(part.stretch(text, bare, places) for part in found))


@lru_cache(maxsize=10_000)
def plain(character: str) -> str:
    """The character in lower case without its accent, as the tokenizer of `lab-readings` reads it.

    >>> plain("É")
    'e'
    """
    return unicodedata.normalize("NFD", character.lower())[:1]


@dataclass(frozen=True)
class _Part:
    """A stretch as two paths over the bare text: the first character of each word, and the end."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    nats: float

    def moved(self, by: int) -> _Part:
        return _Part(tuple(a + by for a in self.first), tuple(a + by for a in self.second), self.nats)

    def stretch(self, text: str, bare: str, places: Sequence[int]) -> Stretch:
        first, second = (tuple(bare[a:b] for a, b in pairwise(path)) for path in (self.first, self.second))
        start, end = places[self.first[0]], places[self.first[-1] - 1] + 1
        kind: Kind = "compound" if min(len(first), len(second)) == 1 else "crossing"
        return Stretch(text, start, end, first, second, kind, self.nats)


def _edges(bare: str, start: int, end: int, words: Dictionary) -> Edges:
    """The words from each character of a run on."""
    if "a" <= bare[start] <= "z":
        edges = _word_edges(bare[start:end], words.english, words.total_en, LONGEST_EN, 1)
        if start and bare[start - 1] in "'\u2019":
            for size in (1, 2):
                if start + size <= end and bare[start : start + size] in TAILS:
                    edges[0][size] = -5.0
        return edges
    return _word_edges(bare[start:end], words.chinese, words.total_zh, LONGEST_ZH, LEAST)


def _word_edges(run: str, counts: Mapping[str, int], total: float, longest: int, least: int) -> Edges:
    """A single character is always a word: of its own count in Chinese (as in jieba at least 1), else `UNKNOWN`."""
    alone = UNKNOWN if least == 1 else -total
    edges: Edges = []
    for start in range(len(run)):
        found = {}
        for end in range(start + 2, min(start + longest, len(run)) + 1):
            count = counts.get(run[start:end], 0)
            if count >= least:
                found[end] = math.log(count) - total
        count = counts.get(run[start], 0)
        found[start + 1] = math.log(count) - total if count else alone
        edges.append(found)
    return edges


@dataclass(frozen=True)
class _Graph:
    """All ways to cut a run, with the best path from the beginning to each character, and from each to the end."""

    run: str
    edges: Edges

    def best(self, start: int, end: int, through: Span | None = None) -> tuple[tuple[int, ...], float]:
        """The best path from `start` to `end`: where its words begin, and `end`; with its log-probability."""
        if through is not None:
            before, left = self.best(start, through[0])
            after, right = self.best(through[1], end)
            return before + after, left + self.edges[through[0]][through[1]] + right
        score, back = {start: 0.0}, dict[int, int]()
        for place in range(start, end):
            if place not in score:
                continue
            for to, value in self.edges[place].items():
                if to <= end and score[place] + value > score.get(to, -math.inf):
                    score[to], back[to] = score[place] + value, place
        path = [end]
        while path[-1] != start:
            path.append(back[path[-1]])
        return tuple(reversed(path)), score[end]

    @cached_property
    def ahead(self) -> list[tuple[float, int]]:
        """From each character the best path to the end: log-probability and the end of its first word."""
        size = len(self.run)
        found = [(0.0, size)] * (size + 1)
        for place in reversed(range(size)):
            found[place] = max((value + found[to][0], to) for to, value in self.edges[place].items())
        return found

    @cached_property
    def behind(self) -> list[tuple[float, int]]:
        """To each character the best path from the beginning: log-probability and where its last word begins."""
        found = [(0.0, 0)] + [(-math.inf, 0)] * len(self.run)
        for place, words in enumerate(self.edges):
            for to, value in words.items():
                found[to] = max(found[to], (found[place][0] + value, place))
        return found

    @cached_property
    def path(self) -> tuple[int, ...]:
        """The best path of the whole run."""
        places = [0]
        while places[-1] != len(self.run):
            places.append(self.ahead[places[-1]][1])
        return tuple(places)

    def score(self, path: Sequence[int]) -> float:
        """The log-probability of a path."""
        return sum(self.edges[a][b] for a, b in pairwise(path))

    def part(self, one: Sequence[int], other: Sequence[int]) -> _Part | None:
        """Two paths less what they share at both ends; first the one whose first word reaches further."""
        shared, pairs = sorted(set(one) & set(other)), set(pairwise(one)) & set(pairwise(other))
        while len(shared) > 1 and (shared[0], shared[1]) in pairs:
            shared = shared[1:]
        while len(shared) > 1 and (shared[-2], shared[-1]) in pairs:
            shared = shared[:-1]
        if len(shared) < 2:
            return None
        low, high = shared[0], shared[-1]
        paths = [tuple(place for place in path if low <= place <= high) for path in (one, other)]
        first, second = sorted(paths, key=lambda path: -path[1])
        return _Part(first, second, self.score(first) - self.score(second))


def _chinese(graph: _Graph) -> tuple[list[Span], list[_Part]]:
    """The best path of a run of Chinese characters, and where chains of crossing words allow two."""
    chosen = list(pairwise(graph.path))
    words = [(a, b) for a, ends in enumerate(graph.edges) for b in sorted(ends) if b - a > 1]
    found = []
    for chain in _chains(words):
        low, high = chain[0][0], max(b for _, b in chain)
        if any(a <= low and high <= b for a, b in chosen):
            continue  # a word of the best path holds the whole chain
        opening = max((a, b) for a, b in chain if a == low and any(_cross((a, b), other) for other in chain))
        rivals = [word for word in chain if opening[0] < word[0] < opening[1] < word[1]]
        ways = [graph.best(low, high, through=word) for word in rivals]
        part = graph.part(graph.best(low, high, through=opening)[0], max(ways, key=lambda way: way[1])[0])
        found += [part] if part else []
    found += list(_compounds(graph, chosen, found))
    return chosen, sorted(found, key=lambda part: part.first)


def _cross(one: Span, other: Span) -> bool:
    """Have two words characters in common, and each some that the other lacks?"""
    (a, b), (c, d) = sorted((one, other))
    return a < c < b < d


def _chains(words: Sequence[Span]) -> Iterator[list[Span]]:
    """Words that cross one another, by way of others if need be: in order, those that cross none left out."""
    crossing = [word for word in words if any(_cross(word, other) for other in words)]
    chain, reach = list[Span](), 0
    for word in crossing:
        if chain and word[0] >= reach:
            yield chain
            chain = []
        chain.append(word)
        reach = max(reach, word[1]) if len(chain) > 1 else word[1]
    if chain:
        yield chain


def _compounds(graph: _Graph, chosen: Sequence[Span], taken: Sequence[_Part]) -> Iterator[_Part]:
    """Words of two characters of the best path, in no stretch, that are hardly likelier than their parts."""
    for a, b in chosen:
        if b - a != 2 or any(part.first[0] < b and a < part.first[-1] for part in taken):
            continue
        nats = graph.score((a, b)) - graph.score((a, a + 1, b))
        if nats <= COMPOUND_ZH:
            yield _Part((a, b), (a, a + 1, b), nats)


def _english(graph: _Graph) -> tuple[list[Span], list[_Part]]:
    """The best path of a run of letters, and the likeliest other ways through a word that is not in it."""
    chosen = set(pairwise(graph.path))
    best, found = graph.ahead[0][0], list[tuple[float, _Part]]()
    for a, ends in enumerate(graph.edges):
        for b, value in ends.items():
            total = graph.behind[a][0] + value + graph.ahead[b][0]
            if b - a < 3 or (a, b) in chosen or total < best - WORSE_EN:
                continue
            part = graph.part(graph.path, _through(graph, a, b))
            if part and _all_words(graph, part) and (len(part.first) > 2 or part.nats <= COMPOUND_EN):
                found.append((total, part))
    kept: list[_Part] = []
    for _, part in sorted(found, key=lambda one: -one[0]):
        if all(part.first[-1] <= other.first[0] or other.first[-1] <= part.first[0] for other in kept):
            kept.append(part)
    return list(pairwise(graph.path)), sorted(kept, key=lambda part: part.first)


def _through(graph: _Graph, a: int, b: int) -> tuple[int, ...]:
    """The best path of the run through one word."""
    before, after = [a], [b]
    while before[-1]:
        before.append(graph.behind[before[-1]][1])
    while after[-1] != len(graph.run):
        after.append(graph.ahead[after[-1]][1])
    return tuple(reversed(before)) + tuple(after)


def _all_words(graph: _Graph, part: _Part) -> bool:
    """Is every piece of both readings a word, no letter left over?"""
    return all(graph.edges[a][b] > UNKNOWN for path in (part.first, part.second) for a, b in pairwise(path))
