"""MovieTweetings (Dooms et al. 2013): who rated which film, and when; what is learnt from, and what is asked.

The files are those of the folder `snapshots/100K` of https://github.com/sidooms/MovieTweetings (MIT): 100,000 ratings
of 10,506 films by 16,554 people, 28 February to 1 September 2013. That somebody rated a film counts as having seen
it, whatever the rating.

Leave-last-out in time. A moment cuts the ratings in two: all that was rated before it is learnt from, by networks and
by counts alike. Asked are the people whose last rating lies at the moment or after it, each once: their last film, from
the films that they rated before, the latest 50 of them. So nothing is learnt from what came later, which leaving out
the last film of each person alone does not see to: another's later ratings would be among what is learnt from. Films
that nobody had rated before the moment are asked as well; to know them is nearly impossible, and no one is spared it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from attnviz.systems.recommendation.films import Film, Films

DAY = 86_400  # seconds
CHOSEN = datetime(2013, 7, 15, tzinfo=UTC)  # what is tried is tried on the people from here to the test
CUT = datetime(2013, 8, 1, tzinfo=UTC)  # all that is shipped and measured learnt from what came before
LEAST = 2  # films that a person must have rated before the last
LONGEST = 50  # films of a history that are read, the latest


@dataclass(frozen=True)
class Rating:
    """Somebody rated a film, at a second of Unix time."""

    second: int
    person: int
    film: int


@dataclass(frozen=True)
class Question:
    """What did this person rate last, after this history? Asked at the second of the answer."""

    history: tuple[int, ...]
    answer: int
    second: int


@dataclass(frozen=True)
class Ratings:
    """All ratings, the earliest first; of one second by person and film."""

    films: Films
    all: tuple[Rating, ...]

    @classmethod
    def read(cls, folder: Path, cut: datetime = CUT) -> Ratings:
        """Read `movies.dat` and `ratings.dat`; a film's `counted` are its ratings before the cut."""
        lines = (folder / "movies.dat").read_text(encoding="utf-8").splitlines()
        numbers = {line.split("::")[0]: number for number, line in enumerate(lines)}
        found = []
        for line in (folder / "ratings.dat").read_text(encoding="utf-8").splitlines():
            person, film, _stars, second = line.split("::")
            found.append(Rating(int(second), int(person), numbers[film]))
        found.sort(key=lambda one: (one.second, one.person, one.film))
        counted = Counter(one.film for one in found if one.second < cut.timestamp())
        films = Films(tuple(_film(line, counted[number]) for number, line in enumerate(lines)))
        return cls(films, tuple(found))

    def before(self, moment: datetime) -> tuple[Rating, ...]:
        """Those before a moment."""
        return tuple(one for one in self.all if one.second < moment.timestamp())

    def sequences(self, moment: datetime, longest: int = LONGEST) -> list[list[Rating]]:
        """What each person rated before a moment, in order, two films at least; long ones in parts sharing an end."""
        kept = []
        for films in by_person(self.before(moment)).values():
            for start in range(0, len(films) - 1, longest):
                kept.append(films[start : start + longest + 1])
        return kept

    def questions(self, begin: datetime, end: datetime | None = None) -> list[Question]:
        """Each person's last rating before `end` (None: of all), where it lies at `begin` or after it."""
        asked = []
        for films in by_person(self.all if end is None else self.before(end)).values():
            *before, last = films
            if last.second >= begin.timestamp() and len(before) >= LEAST:
                asked.append(Question(tuple(one.film for one in before), last.film, last.second))
        return asked


def by_person(ratings: Sequence[Rating]) -> dict[int, list[Rating]]:
    """The ratings of each person, in the order given."""
    found: dict[int, list[Rating]] = defaultdict(list)
    for one in ratings:
        found[one.person].append(one)
    return found


def _film(line: str, counted: int) -> Film:
    """A film from its line: `0111161::The Shawshank Redemption (1994)::Crime|Drama`."""
    imdb, name, genres = line.split("::")
    parts = re.fullmatch(r"(.*) \((\d{4})\)", name)
    if parts is None:
        raise ValueError(f"no title with a year: {line}")
    return Film(imdb, parts[1], int(parts[2]), tuple(one for one in genres.split("|") if one), counted)
