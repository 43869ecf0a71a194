"""Nothing is learnt or counted from what came after the question; ranks and sums by plain loops."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from attnviz.systems.recommendation.network import DIN, Shape, network
from attnviz.training.recommendation.data import DAY, Question, Rating, Ratings
from attnviz.training.recommendation.measure import by_count, by_days, by_pairs, counted, found
from attnviz.training.recommendation.start import LEAST, Talk, by_people
from attnviz.training.recommendation.train import RECIPES, Batch, Material, din_logits, loss, summed

DAYS = 1_372_636_800  # 1 July 2013, in seconds
CUT = datetime(2013, 7, 11, tzinfo=UTC)
TITLES = [f"000000{n}::Film {n} (200{n})::{'Drama|Sci-Fi' if n % 2 else 'Comedy'}" for n in range(6)]
# person, film, day: people 1 and 2 go on after the cut (day 10), 3 stops before it, 4 comes too late to be asked
RATED = [
    (1, 0, 1),
    (1, 1, 2),
    (1, 2, 12),
    (2, 1, 3),
    (2, 3, 4),
    (2, 0, 11),
    (2, 4, 13),
    (3, 0, 5),
    (3, 1, 6),
    (4, 5, 14),
]


def ratings(folder: Path) -> Ratings:
    (folder / "movies.dat").write_text("\n".join(TITLES), encoding="utf-8")
    lines = [f"{person}::000000{film}::8::{DAYS + day * DAY}" for person, film, day in reversed(RATED)]
    (folder / "ratings.dat").write_text("\n".join(lines), encoding="utf-8")
    return Ratings.read(folder, CUT)


def test_only_what_came_before_the_cut_is_learnt_from(tmp_path: Path) -> None:
    read = ratings(tmp_path)
    learnt = [one for row in read.sequences(CUT) for one in row]
    assert all(one.second < CUT.timestamp() for one in (*learnt, *read.before(CUT)))
    assert [[one.film for one in row] for row in read.sequences(CUT)] == [[0, 1], [1, 3], [0, 1]]
    assert [film.counted for film in read.films.films] == [2, 3, 0, 1, 0, 0]
    assert read.films[1].genres == ("Drama", "Sci-Fi") and read.films[1].year == 2001


def test_each_person_is_asked_once_for_the_last_film_from_all_before_it(tmp_path: Path) -> None:
    asked = ratings(tmp_path).questions(CUT)
    assert [(one.history, one.answer) for one in asked] == [((0, 1), 2), ((1, 3, 0), 4)]
    assert ratings(tmp_path).questions(datetime(2013, 7, 5, tzinfo=UTC), CUT) == []  # one film before is too few


def test_long_histories_are_cut_into_parts_that_share_an_end(tmp_path: Path) -> None:
    read = ratings(tmp_path)
    many = Ratings(read.films, tuple(Rating(DAYS + n, 9, n % 6) for n in range(8)))
    assert [[one.second - DAYS for one in row] for row in many.sequences(CUT, 3)] == [
        [0, 1, 2, 3],
        [3, 4, 5, 6],
        [6, 7],
    ]


def test_a_rank_counts_equal_scores_against_the_answer_and_leaves_the_history_out() -> None:
    question = Question((0,), 2, 0)
    for scores, rank in (([9.0, 5.0, 4.0, 1.0], 2), ([9.0, 4.0, 4.0, 4.0], 3), ([9.0, 0.0, 1.0, 0.0], 1)):
        said = found(iter([(question, torch.tensor(scores))]))
        assert said.ranks == (rank,) and said.hit == 1
        assert said.ndcg == pytest.approx(1 / torch.tensor(rank + 1.0).log2().item())
    far = found(by_count(torch.arange(20.0), [Question((), 3, 0)]))
    assert (far.hit, far.ndcg) == (0, 0)


def test_counts_of_the_last_days_know_nothing_of_their_own_moment(tmp_path: Path) -> None:
    read = ratings(tmp_path)
    asked = read.questions(CUT)
    (first, now), (_, later) = by_days(read.all, 7, 6, asked)
    assert first == asked[0] and now.tolist() == [2, 1, 0, 0, 0, 0]  # days 5 to 11
    assert later.tolist() == [1, 1, 1, 0, 0, 0]  # days 6 to 12


def test_pairs_are_cosines_over_people(tmp_path: Path) -> None:
    read = ratings(tmp_path)
    before = read.before(CUT)
    (_, scores), _ = by_pairs(before, 6, read.questions(CUT))
    people = {1: {0, 1}, 2: {1, 3}, 3: {0, 1}}
    many = counted(before, 6).tolist()
    for film in range(6):
        want = sum(
            sum({one, film} <= seen for seen in people.values()) / max(many[one] * many[film], 1) ** 0.5
            for one in (0, 1) if one != film
        )  # fmt: skip
        assert float(scores[film]) == pytest.approx(want)


def test_what_is_talked_of_on_a_day_was_counted_on_days_before_it(tmp_path: Path) -> None:
    before = ratings(tmp_path).before(CUT)
    talk = Talk.before(before, 6, CUT, half_life=2.0)
    for day in range(1, 10):
        row = talk.table[talk.day(DAYS + day * DAY)]
        for film in range(6):
            said = [0.5 ** ((day - 1 - then) / 2) for _, one, then in RATED if one == film and then < day]
            assert float(row[film]) == pytest.approx(float(torch.tensor(sum(said) + LEAST).log()), abs=1e-5)
    assert torch.equal(talk.last, talk.table[talk.day(int(CUT.timestamp()))])
    assert talk.of(torch.tensor([[1], [2]]), torch.tensor([0, 3])).shape == (2, 2)


def test_films_that_the_same_people_rated_lie_close_and_unrated_ones_nowhere(tmp_path: Path) -> None:
    vectors = by_people(ratings(tmp_path).before(CUT), 6, 2)
    assert vectors[[2, 4, 5]].abs().max() == 0
    near, far = (torch.cosine_similarity(vectors[0], vectors[one], dim=0) for one in (1, 3))
    assert near > far


@pytest.mark.parametrize("softmax", [False, True])
def test_sums_along_a_history_are_those_of_each_beginning(tmp_path: Path, softmax: bool) -> None:
    read = ratings(tmp_path)
    made = network(Shape("din", 6, 4, 9, hidden=4, softmax=softmax), read.films).eval()
    assert isinstance(made, DIN)
    scores, values = torch.randn(2, 3, 5), torch.randn(2, 5, 4)
    found = summed(scores, values, softmax)
    for end in range(1, 6):
        want = made.rule.weigh(scores[..., :end]) @ values[:, :end]
        torch.testing.assert_close(found[:, :, end - 1], want, atol=1e-5, rtol=0)
    films = torch.tensor([[0, 1, 3, 2]])
    batch = Batch(films, torch.ones(1, 4, dtype=torch.bool), torch.zeros(1, 4, dtype=torch.long), torch.tensor([4, 5]))
    right, others = din_logits(made, batch, batch.there[:, 1:])
    for place in range(3):
        whole = made.over_all(films[0, : place + 1])
        assert float(right[place]) == pytest.approx(float(whole[films[0, place + 1]]), abs=1e-5)
        assert others[place].tolist() == pytest.approx(whole[[4, 5]].tolist(), abs=1e-5)


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_goes_down_the_loss(tmp_path: Path, name: str) -> None:
    read, recipe = ratings(tmp_path), RECIPES[name]
    torch.manual_seed(0)
    made = network(Shape(recipe.kind, 6, 4, 9, softmax=recipe.softmax), read.films)
    talk = Talk.before(read.before(CUT), 6, CUT, recipe.half_life)
    material = Material(read.sequences(CUT), talk, torch.full((6,), 1 / 6), recipe)
    batch = next(material.batches())
    first = loss(made, batch, material)["next"]
    first.backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD(made.parameters(), lr=0.05).step()
    assert loss(made, batch, material)["next"] < first
