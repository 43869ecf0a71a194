"""The ways to cut a sentence that the readings page offers: the dictionary's best, its ambiguous stretches, glosses."""

from __future__ import annotations

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.text.lattice import Cut, cut
from attnviz.text.segmentation import Lattice, Reading, cases

BEST = 8  # readings offered for a sentence, at most
POWERS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@st.cache_data(max_entries=32, show_spinner=False)  # eight readings of a sentence: 2 kB an entry
def best_readings(text: str, own: tuple[str, ...] = ()) -> dict[str, float]:
    """The best readings of a text by the dictionary, as one would write them, and their probabilities.

    The best that hold one of the reader's own words are among them.
    """
    try:
        every = Lattice.of(text, own).best(20 * BEST) if has_no_spaces(text) else []
    except AttnvizError:
        return {}
    mine = [one for one in every[BEST - 2 :] if set(own) & set(one[0].words)]
    return {"/".join(reading.words): p for reading, p in [*every[: BEST - 2], *mine[:2]]}


@st.cache_data(max_entries=64, show_spinner=False)  # the stretches of a sentence: 2 kB an entry
def stretches_of(text: str) -> Cut:
    """Where can a text be cut two ways? Nowhere in one with spaces: there words are grouped with brackets."""
    return cut(text if has_no_spaces(text) else "")


def pair(found: Cut, number: int) -> tuple[str, str]:
    """The two readings of one stretch within the whole text, as one writes them, the likelier first."""
    stretch = found.stretches[number]
    one, other = ("/".join(found.reading(side, stretch).words) for side in (0, 1))
    return (one, other) if stretch.nats >= 0 else (other, one)


def likeliest(found: Cut) -> int:
    """The stretch whose two readings are most alike in probability."""
    return min(range(len(found.stretches)), key=lambda number: abs(found.stretches[number].nats))


def two_readings(text: str, own: tuple[str, ...]) -> tuple[str, str]:
    """What to compare of a text: its likeliest stretch cut two ways, else the dictionary's two best.

    The reader's own words are asked of the dictionary alone, which can take them in.
    """
    found = stretches_of(text)
    if found.stretches and not own:
        return pair(found, likeliest(found))
    best = [*best_readings(text, own), text, text]
    return best[0], best[1]


def gloss_of(reading: Reading, language: str) -> str:
    """What the list says of a reading that cuts a sentence of the list, or a part of one, as it does and its rival not.

    A finer cut has the same gloss: 南京 / 市长 / 江大桥 that of 南京市长 / 江大桥.
    """
    cuts = {start for start, _ in reading.units}
    for case in cases().values():
        at = reading.text.find(case.readings[0].text)
        found = [{at + start for start, _ in one.units if start} <= cuts for one in case.readings]
        if at >= 0 and found[0] != found[1]:
            return case.glosses[language][found.index(True)]
    return ""


def percent(p: float) -> str:
    """A probability as one reads it; of a very small one the power of ten.

    >>> percent(0.9971), percent(3.2e-07), percent(0.0)
    ('99.7%', '3×10⁻⁷', '0.0%')
    """
    if p >= 0.0005 or p == 0:
        return f"{p:.1%}"
    digit, power = f"{p:.0e}".split("e-")
    return f"{digit}×10⁻{str(int(power)).translate(POWERS)}"


def has_no_spaces(text: str) -> bool:
    """Are its readings written with slashes? English words are grouped with brackets instead."""
    return not any(character.isspace() for character in text.strip())


def bare(text: str) -> str:
    """A text without its spaces."""
    return "".join(text.split())


def as_typed(written: str) -> str:
    """The text of a reading; what was typed, where it is none."""
    try:
        return Reading.parse(written).text
    except AttnvizError:
        return written
