"""Films as people name them: titles, numbers, lists with slips; what is none of the list is one sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from attnviz.errors import AttnvizError, ModelError, TextError
from attnviz.shipped import WEIGHTS
from attnviz.systems.recommendation.films import FILE, folded, stored, written
from attnviz.systems.recommendation.system import listed, load
from attnviz.systems.recommendation.text import film_of, films_of, history_of, search

FILMS = listed()
ALIEN = FILMS.by_imdb["0078748"]


@pytest.mark.parametrize(
    "name",
    ["Alien (1979)", "alien", "  ALIEN ", "tt0078748", "78748", "0078748"],
)
def test_a_film_is_known_by_title_year_and_number(name: str) -> None:
    assert films_of(name, FILMS) == [ALIEN]


def test_accents_marks_and_case_do_not_matter() -> None:
    assert folded("Le fabuleux destin d'Amélie Poulain!") == "le fabuleux destin damelie poulain"
    assert FILMS[film_of("WALL E", FILMS)].title == "WALL·E"
    assert FILMS[film_of("le fabuleux destin d'amelie poulain", FILMS)].year == 2001


def test_of_films_with_one_title_the_most_rated_is_meant_and_the_year_tells_them_apart() -> None:
    twins = [n for n, film in enumerate(FILMS.films) if folded(film.title) == "total recall"]
    assert len(twins) == 2
    assert film_of("Total Recall", FILMS) == max(twins, key=lambda one: FILMS[one].counted)
    assert {FILMS[film_of(f"Total Recall ({year})", FILMS)].year for year in (1990, 2012)} == {1990, 2012}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("", "films_none"),
        (" \n \n", "films_none"),
        ("Alien\nBlaed Runer", "film_unknown_near"),
        ("no film is called like this at all", "film_unknown"),
        ("🎬", "film_unknown"),
        ("x" * 100_000, "film_unknown"),
        ("99999999", "film_unknown"),
    ],
)
def test_what_is_no_film_is_one_sentence(said: str, message: str) -> None:
    with pytest.raises(TextError) as refusal:
        films_of(said, FILMS)
    assert refusal.value.message == message
    for language in ("zh", "en"):
        assert 10 < len(refusal.value.say(language)) < 400
    if message == "film_unknown_near":
        assert "Blade Runner" in str(refusal.value)


def test_a_search_finds_beginnings_of_words_the_most_rated_first() -> None:
    found = [FILMS[one].label for one in search("dark kni", FILMS)]
    assert found[:2] == ["The Dark Knight Rises (2012)", "The Dark Knight (2008)"]
    assert FILMS[search("alien 1979", FILMS)[0]].title == "Alien" and search("alien", FILMS)[0] == ALIEN
    assert ALIEN not in search("alien", FILMS, without=[ALIEN])
    assert search("", FILMS) == search("!?", FILMS) == search("zzzzqq", FILMS) == []
    assert len(search("the", FILMS, most=5)) == 5


def test_a_film_counts_once_and_only_the_latest_are_read() -> None:
    same = history_of([ALIEN] * 10, 50)
    assert (same.films, same.again, same.earlier) == ((ALIEN,), 9, 0)
    many = history_of(range(1_000), 50)
    assert many.films == tuple(range(950, 1_000)) and many.earlier == 950


@pytest.mark.parametrize("name", ["sasrec-films", "din-films"])
def test_odd_histories_are_read_or_refused_in_a_sentence(name: str) -> None:
    system = load(name)
    assert len(system.read([ALIEN] * 10).keys) == 1
    assert len(system.read(range(1_000)).keys) == 50
    for odd in ([], "", [-1], [10_506]):
        with pytest.raises(AttnvizError):
            system.read(odd)


def test_the_list_is_small_and_comes_back_as_it_was_written(tmp_path: Path) -> None:
    file = WEIGHTS / "sasrec-films" / FILE
    assert file.stat().st_size < 400_000
    assert gzip.decompress(written(FILMS.films)) == gzip.decompress(file.read_bytes())
    assert len(FILMS) == 10_506 and len(FILMS.genres) == 25
    (tmp_path / FILE).write_bytes(file.read_bytes()[:5_000])
    with pytest.raises(ValueError, match="damaged"):
        stored(tmp_path)
    assert all(film.title and 1890 < film.year < 2020 and "\t" not in film.title for film in FILMS.films)


def test_a_folder_without_its_list_is_a_sentence(tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((WEIGHTS / "sasrec-films" / name).read_bytes())
    with pytest.raises(ModelError) as refusal:
        load(str(tmp_path))
    assert refusal.value.message == "model_not_loaded"
