"""The films that the networks know: titles, years, genres, and how often each was rated in training.

They lie beside the weights as `films.tsv.gz`, one film a line: number at IMDb, title, year, genres, ratings counted.
"""

from __future__ import annotations

import gzip
import re
import unicodedata
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from attnviz.threads import cached_property

FILE = "films.tsv.gz"
YEARS = (
    1930,
    1950,
    1960,
    1970,
    1980,
    1990,
    1995,
    2000,
    2003,
    2006,
    2008,
    2010,
    2011,
    2012,
    2013,
)  # where a span begins


@dataclass(frozen=True)
class Film:
    """One film. `imdb` is its number at IMDb, `counted` the ratings of it that were learnt from."""

    imdb: str
    title: str
    year: int
    genres: tuple[str, ...]
    counted: int = 0

    @property
    def label(self) -> str:
        """Title and year."""
        return f"{self.title} ({self.year})"


@dataclass(frozen=True, eq=False)
class Films:
    """All films in order; the number of one is its place here."""

    films: tuple[Film, ...]

    def __len__(self) -> int:
        return len(self.films)

    def __getitem__(self, number: int) -> Film:
        return self.films[number]

    @cached_property
    def genres(self) -> tuple[str, ...]:
        """The names of all genres, by alphabet."""
        return tuple(sorted({genre for film in self.films for genre in film.genres}))

    @cached_property
    def genre_shares(self) -> Float[Tensor, "film genre"]:
        """The genres of each film, together 1; a film without any has zeros."""
        place = {genre: number for number, genre in enumerate(self.genres)}
        shares = torch.zeros(len(self), len(self.genres))
        for number, film in enumerate(self.films):
            for genre in film.genres:
                shares[number, place[genre]] = 1 / len(film.genres)
        return shares

    @property
    def spans_of_years(self) -> int:
        """Into how many spans the years are cut."""
        return len(YEARS) + 1

    @cached_property
    def spans(self) -> Int64[Tensor, " film"]:
        """The span of years of each film."""
        return torch.tensor([sum(film.year >= begin for begin in YEARS) for film in self.films])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What is searched for words: a space, title and year."""
        return tuple(f" {folded(film.title)} {film.year}" for film in self.films)

    @cached_property
    def by_imdb(self) -> dict[str, int]:
        """The number of each film by that of IMDb."""
        return {film.imdb: number for number, film in enumerate(self.films)}

    @cached_property
    def by_title(self) -> dict[str, int]:
        """The number of each film by its title, and by title and year; of those with one title the most rated."""
        found: dict[str, int] = {}
        for number in sorted(range(len(self)), key=lambda one: self.films[one].counted):
            film = self.films[number]
            found[folded(film.title)] = found[folded(film.label)] = number
        return found


def written(films: tuple[Film, ...]) -> bytes:
    """The films as their file keeps them; the same bytes whenever it is made."""
    lines = [
        "\t".join((film.imdb, film.title, str(film.year), "|".join(film.genres), str(film.counted))) for film in films
    ]
    return gzip.compress("\n".join(lines).encode(), mtime=0)


@cache
def stored(place: Path) -> Films:
    """The films of a folder. Raises `OSError` or `ValueError` where there are none that can be read."""
    try:
        text = gzip.decompress((place / FILE).read_bytes()).decode()
    except (EOFError, zlib.error) as reason:
        raise ValueError(f"{FILE} is damaged: {reason}") from reason
    rows = [line.split("\t") for line in text.split("\n")]
    return Films(
        tuple(
            Film(imdb, title, int(year), tuple(genres.split("|")) if genres else (), int(counted))
            for imdb, title, year, genres, counted in rows
        )
    )


def folded(title: str) -> str:
    """A title as it is compared: without case, accents and marks; ß and ø as people type them."""
    plain = unicodedata.normalize("NFKD", title.casefold().replace("ø", "o").replace("ł", "l").replace("'", ""))
    return re.sub(r"[\W_]+", " ", "".join(one for one in plain if not unicodedata.combining(one))).strip()
