"""Made-up texts with chains of crossing words, so that words are looked up and not remembered with their neighbours.

Chinese: two sentences grafted on a character that ends a word in one and begins a word in the other; and chains of two
to four crossing dictionary words, alone or between other words. English: two words that are two other words as well
(it + old, i + told), between words of real sentences.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from attnviz.text.lattice import HAN, LEAST, Cut, Dictionary, cut
from attnviz.training.readings.data import is_of_page

POWER = 0.5  # rarer words more often than their counts say
FINAL = "。"


@dataclass(frozen=True)
class Bag:
    """Things to draw from, each with a weight."""

    things: Sequence[str]
    sums: Sequence[float]

    @classmethod
    def of(cls, counts: Mapping[str, float], power: float = POWER) -> Bag:
        """Draw each in proportion to a power of its count."""
        things = sorted(counts)
        return cls(things, list(accumulate(counts[one] ** power for one in things)))

    def draw(self, rng: random.Random) -> str:
        """One of them."""
        return rng.choices(self.things, cum_weights=self.sums)[0]


def allowed(texts: Iterator[str]) -> Iterator[str]:
    """The texts that hold no sentence of the page."""
    return (text for text in texts if not is_of_page(text))


def grafted(sentences: Sequence[str], words: Dictionary, rng: random.Random) -> Iterator[str]:
    """Without end: the beginning of one sentence and the end of another, grafted on a character of a word in both."""
    places: dict[str, list[tuple[int, int]]] = defaultdict(list)
    cuts = [cut(sentence, words) for sentence in sentences]
    for number, one in enumerate(cuts):
        for place, (start, end) in enumerate(one.units):
            if end - start > 1 and HAN.fullmatch(one.text, start, end):
                places[one.text[start:end]].append((number, place))
    counts = Counter({word: len(found) for word, found in places.items()})
    begins = Bag.of(counts)
    ends = {c: Bag.of(group) for c, group in _by_last(counts).items()}
    while True:
        right = begins.draw(rng)
        if right[0] not in ends:
            continue
        left = ends[right[0]].draw(rng)
        before, after = cuts_at(cuts, places[left], rng), cuts_at(cuts, places[right], rng)
        yield _left(*before, rng) + left[:-1] + _right(*after, rng)


def cuts_at(cuts: Sequence[Cut], places: Sequence[tuple[int, int]], rng: random.Random) -> tuple[Cut, int]:
    """A sentence that has a word, and the number of that word in it."""
    number, place = rng.choice(places)
    return cuts[number], place


def _left(one: Cut, place: int, rng: random.Random) -> str:
    """Up to six words before a word."""
    first = max(0, place - rng.choice((0, 0, 1, 2, 3, 4, 6)))
    return one.text[one.units[first][0] : one.units[place][0]]


def _right(one: Cut, place: int, rng: random.Random) -> str:
    """A word and up to six after it."""
    last = min(len(one.units) - 1, place + rng.choice((0, 0, 1, 2, 3, 4, 6)))
    return one.text[one.units[place][0] : one.units[last][1]]


def _by_last(counts: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Words by their last character."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for word, count in counts.items():
        found[word[-1]][word] = count
    return found


def chained(words: Dictionary, characters: frozenset[str], rng: random.Random) -> Iterator[str]:
    """Without end: chains of crossing dictionary words, between up to two other words on either side."""
    known = {w: float(n) for w, n in words.chinese.items() if n >= LEAST and len(w) <= 5 and set(w) <= characters}
    long = {word: n for word, n in known.items() if len(word) > 1}
    every, begins = Bag.of(known), Bag.of(long)
    onward: dict[str, dict[str, float]] = defaultdict(dict)
    for word, count in long.items():
        for size in range(1, len(word)):
            onward[word[:size]][word] = count
    bags = {head: Bag.of(group) for head, group in onward.items()}
    while True:
        text = begins.draw(rng)
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))):
            size = rng.choice((1, 1, 1, 1, 2))
            if size < len(text) and text[-size:] in bags:
                text += bags[text[-size:]].draw(rng)[size:]
        before = "".join(every.draw(rng) for _ in range(rng.choice((0, 0, 1, 2))))
        after = "".join(every.draw(rng) for _ in range(rng.choice((0, 0, 1, 2))))
        yield before + text + after + rng.choice(("", FINAL))


def respelled(sentences: Sequence[str], words: Dictionary, rng: random.Random) -> Iterator[str]:
    """Without end: words that are other words as well, between words of sentences."""
    known = {word: float(count) for word, count in words.english.items()}
    ahead: dict[str, dict[str, float]] = defaultdict(dict)  # x: words b = x + d, d a word
    for word, count in known.items():
        for size in range(1, len(word)):
            if word[size:] in known:
                ahead[word[:size]][word] = count
    bags = {x: Bag.of(group) for x, group in ahead.items()}
    double = {word: n for word, n in known.items() if any(_splits(word, known, bags))}
    openings = Bag.of(double)
    while True:
        word = openings.draw(rng)
        size = rng.choice(_splits(word, known, bags))
        other = bags[word[size:]].draw(rng)
        before, after = rng.choice(sentences).split(), rng.choice(sentences).split()
        left, right = rng.choice((0, 0, 1, 2, 3, 5)), rng.choice((0, 0, 1, 2, 3, 5))
        at = rng.randrange(len(before))
        closing = after[-right:] if right else []
        yield " ".join([*before[at : at + left], word[:size], other, *closing])


def _splits(word: str, known: Mapping[str, float], bags: Mapping[str, Bag]) -> list[int]:
    """Where is a word cut into a word and something that begins another word?"""
    return [size for size in range(1, len(word)) if word[:size] in known and word[size:] in bags]
