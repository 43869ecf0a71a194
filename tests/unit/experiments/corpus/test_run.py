"""A corpus from its file to its table: the same from each executor, taken up where it was left and nowhere else."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

import attnviz as av
from attnviz.errors import ArgumentError, AttnvizError, ModelError, Stopped, TextError
from attnviz.experiments.atlas import MEASURES
from attnviz.experiments.corpus import Progress, executors, lines, run
from attnviz.experiments.corpus.executors import Recipe
from attnviz.experiments.corpus.place import About, State, beside, mark_of, taken_up
from attnviz.experiments.corpus.worker import Part
from attnviz.shipped import WEIGHTS

SOME = ("previous", "special", "entropy")
SENTENCES = [
    "南京市长江大桥",
    "他说他会来，但是他没有来。",
    "the cat sat on the mat",
    "\u200b",
    "红灯停，绿灯行。",
    "one, two",
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of five windows."""
    monkeypatch.setattr(lines, "LINES", 6)
    found = tmp_path / "some.txt"
    found.write_text("\n".join(SENTENCES * 5) + "\n", encoding="utf-8")
    return found


def table(found: av.Corpus, tmp_path: Path) -> bytes:
    found.save(tmp_path / "saved.json")
    return (tmp_path / "saved.json").read_bytes()


def test_of_a_file_it_is_the_atlas_of_its_lines(file: Path) -> None:
    model = av.load("lab-4")
    found, expected = av.corpus(model, file), av.atlas(model, SENTENCES * 5)
    assert found.atlas.texts == expected.texts == 25 and found.atlas.tokens == expected.tokens
    assert found.lines == 30 and found.atlas.left_out == 5 and [n for n, _ in found.refused] == [4, 10, 16, 22, 28]
    assert list(found.atlas.all) == list(MEASURES) and found.atlas.bare.keys() == expected.bare.keys()
    assert {p: found.atlas.name(*p) is None for p in expected.places} == {
        p: expected.name(*p) is None for p in expected.places
    }


def test_a_pool_of_processes_gives_the_same_bits(file: Path, tmp_path: Path) -> None:
    alone, pool = (av.corpus("lab-1", file, measures=SOME, executor=one, workers=2) for one in ("loop", "pool"))
    assert table(alone, tmp_path) == table(pool, tmp_path) and alone.lines == pool.lines
    assert [(n, e.message) for n, e in alone.refused] == [(n, e.message) for n, e in pool.refused]


class Rows:
    """What Ray Data does with rows, here: each to an actor, and back in another order."""

    told: dict[str, Any]

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def map_batches(self, actor: type, *, fn_constructor_args: tuple[Any, ...], **how: Any) -> Rows:
        Rows.told = how
        actors = [actor(*pickle.loads(pickle.dumps(fn_constructor_args))) for _ in range(how["compute"].size)]
        done = []
        for number, row in enumerate(self.rows):
            batch = {name: [value] for name, value in row.items()}
            found = actors[number % len(actors)](pickle.loads(pickle.dumps(batch)))
            done.append({name: values[0] for name, values in found.items()})
        return Rows(done[::-1])

    def iter_rows(self) -> Any:
        return iter(self.rows)


def imitated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ray, as far as it is used; what it was asked to begin and to end."""
    heard: list[str] = []
    ray: Any = ModuleType("ray")
    ray.is_initialized, ray.init = (lambda: False), (lambda **how: heard.append("begun"))
    ray.shutdown = lambda: heard.append("ended")
    ray.data = ModuleType("ray.data")
    ray.data.DataContext = SimpleNamespace(get_current=SimpleNamespace)
    ray.data.ActorPoolStrategy = SimpleNamespace
    ray.data.from_items = lambda items, override_num_blocks: Rows(list(items))
    for name, module in (("ray", ray), ("ray.data", ray.data)):
        monkeypatch.setitem(sys.modules, name, module)
    return heard


def test_the_actors_of_ray_give_the_same_bits_in_whatever_order_they_end(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = av.corpus("lab-1", file, measures=SOME)
    heard = imitated(monkeypatch)
    monkeypatch.setattr(executors, "CHUNK", 3)
    many = av.corpus("lab-1", file, measures=SOME, executor="ray", workers=2)
    assert table(alone, tmp_path) == table(many, tmp_path) and heard == ["begun", "ended"]
    assert [(n, e.message) for n, e in alone.refused] == [(n, e.message) for n, e in many.refused]
    assert Rows.told["compute"].size == 2 and Rows.told["num_cpus"] == 1 and Rows.told["batch_size"] == 1


def test_without_ray_it_says_what_to_install(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ArgumentError, match=r"attnviz\[cluster\]"):
        av.corpus("lab-1", file, executor="ray")


@pytest.mark.parametrize("after", [0, 9, 20])
def test_stopped_and_begun_again_it_goes_on_and_gives_the_same_bits(after: int, file: Path, tmp_path: Path) -> None:
    whole = av.corpus("lab-1", file, measures=SOME, out=tmp_path / "whole.csv")
    goal, heard = tmp_path / "heads.csv", list[Progress]()
    with pytest.raises(Stopped):
        av.corpus(
            "lab-1", file, measures=SOME, out=goal, on_lines=heard.append,
            stop=lambda: bool(heard) and heard[-1].lines >= after,
        )  # fmt: skip
    assert not goal.exists() and beside(goal).is_file() == (after >= 6)
    again: list[Progress] = []
    found = av.corpus("lab-1", file, measures=SOME, out=goal, on_lines=again.append)
    assert goal.read_bytes() == (tmp_path / "whole.csv").read_bytes() and not beside(goal).exists()
    assert found.lines == whole.lines and found.refused[-1][0] == 28
    assert {one.begun for one in again} == {after // 6 * 6} and again[-1].share == 1.0
    assert again[0].begun <= again[0].lines < again[0].begun + 6 and again[-1].lines == 30


def test_what_fails_on_the_way_leaves_its_state(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*given: Any) -> Any:
        yield from [done for _, done in zip(range(2), loop(*given), strict=False)]
        raise KeyboardInterrupt

    loop = executors.loop
    monkeypatch.setattr(executors, "loop", twice)
    with pytest.raises(KeyboardInterrupt):
        av.corpus("lab-1", file, measures=SOME, out=tmp_path / "heads.csv")
    assert json.loads(beside(tmp_path / "heads.csv").read_bytes())["place"][:2] == [2, 12]


def left(file: Path, goal: Path, model: str = "lab-1") -> None:
    """A corpus of the file, left after two windows."""
    heard: list[Progress] = []
    with pytest.raises(Stopped):
        av.corpus(
            model, file, measures=SOME, out=goal, on_lines=heard.append,
            stop=lambda: bool(heard) and heard[-1].lines >= 12,
        )  # fmt: skip


def test_a_state_of_another_model_file_or_measures_is_refused(file: Path, tmp_path: Path) -> None:
    goal, folder = tmp_path / "heads.csv", tmp_path / "model"
    shutil.copytree(WEIGHTS / "lab-1", folder)
    left(file, goal, str(folder))
    text = file.read_text(encoding="utf-8")
    with pytest.raises(AttnvizError, match=r"other measures \(previous, special, entropy"):
        av.corpus(str(folder), file, out=goal)
    for changed in (text.replace("one", "two", 1), text + "more\n"):
        file.write_text(changed, encoding="utf-8")
        with pytest.raises(AttnvizError, match="another text file"):
            av.corpus(str(folder), file, measures=SOME, out=goal)
    file.write_text(text, encoding="utf-8")
    shutil.rmtree(folder)
    shutil.copytree(WEIGHTS / "lab-2", folder)
    with pytest.raises(AttnvizError, match="another model"):
        av.corpus(str(folder), file, measures=SOME, out=goal)
    beside(goal).write_text('{"format": "attnviz corpus 1", "about": []}', encoding="utf-8")
    with pytest.raises(AttnvizError, match="remove it to begin anew"):
        av.corpus(str(folder), file, measures=SOME, out=goal)


def test_a_state_of_more_windows_than_the_file_has_now_is_refused(file: Path, tmp_path: Path) -> None:
    left(file, tmp_path / "heads.csv")
    file.write_text("a" * (file.stat().st_size - 1) + "\n", encoding="utf-8")  # as long, in one line
    with pytest.raises(AttnvizError, match="another text file"):
        av.corpus("lab-1", file, measures=SOME, out=tmp_path / "heads.csv")
    assert not (tmp_path / "heads.csv").exists()


def test_a_worker_that_finds_another_model_by_that_name_refuses(file: Path) -> None:
    recipe = Recipe.of(av.load("lab-1"), SOME, 1)
    other = Recipe(
        "lab-2", *(getattr(recipe, name) for name in ("revision", "device", "dtype", "mark", "measures", "threads"))
    )
    assert recipe.worker().columns == (*SOME, "previous_bare")
    with pytest.raises(ModelError, match="another model"):
        other.worker()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"measures": "prevous"}, "corpus_measure"), ({"measures": []}, "corpus_measure"),
        ({"executor": "spark"}, "corpus_executor"), ({"workers": 0}, "corpus_count"),
        ({"threads": 2000}, "corpus_count"), ({"out": "heads.xlsx"}, "corpus_ending"),
        ({"out": "nowhere/heads.csv"}, "corpus_no_place"), ({"model": "air-beijing"}, "corpus_reads_texts"),
        ({"model": "vit-4"}, "corpus_reads_texts"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_one_sentence(given: dict[str, Any], message: str, file: Path) -> None:
    with pytest.raises(AttnvizError) as refusal:
        av.corpus(**{"model": "lab-1", "file": file} | given)
    assert refusal.value.message == message


def test_measures_are_named_as_people_name_them() -> None:
    assert run.named("same-word, Sink,entropy") == ("same_word", "first", "special", "entropy")


def test_where_no_line_can_be_read_the_first_reason_is_told(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("\u200b\n\u200b\n", encoding="utf-8")
    with pytest.raises(TextError) as refusal:
        av.corpus("lab-1", file)
    assert refusal.value.message == "text_nothing_left"


def test_one_line_of_a_million_characters_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("南" * 1_000_000, encoding="utf-8")
    with pytest.raises(TextError, match="1000000"):
        av.corpus("lab-1", file)


def test_models_that_differ_in_one_weight_or_in_how_they_cut_have_other_marks() -> None:
    one, two = av.load("lab-1"), av.load("lab-2")
    one.tokenizer("南京市长江大桥", truncation=True, max_length=4)  # which stays set in the tokenizer
    assert mark_of(one) == mark_of(av.load("lab-1")) != mark_of(two)


def test_a_state_that_is_not_there_is_the_beginning(tmp_path: Path) -> None:
    assert taken_up(About("lab-1", "", 3, SOME), tmp_path / "none").sums is None


def test_of_many_refused_lines_the_first_are_kept_and_all_are_counted() -> None:
    refused = tuple((number, TextError("text_empty")) for number in range(1, 151))
    state = State().after(lines.Window((), refused[1::2], lines.Place(1, 150), None), Part(None, refused[::2]))
    assert [number for number, _ in state.refused] == list(range(1, 101)) and state.left_out == 150


def test_the_state_is_written_down_on_the_way(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "OFTEN", -1.0)
    goal, there = tmp_path / "heads.csv", list[bool]()
    av.corpus("lab-1", file, measures=SOME, out=goal, on_lines=lambda _: there.append(beside(goal).is_file()))
    assert not there[0] and there[-1] and not beside(goal).exists()


def test_inside_a_window_the_share_is_guessed_from_the_lines_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines._Text, "share", lambda _: 0.2)  # so small a file is read at once
    heard: list[Progress] = []
    av.corpus("lab-1", file, measures=SOME, on_lines=heard.append)
    inside = [one for one in heard if 6 < one.lines < 12]
    assert inside and [one.share for one in inside] == [pytest.approx(0.2 * one.lines / 6) for one in inside]


def test_a_model_for_each_worker_must_fit_into_the_memory(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = av.load("lab-1")
    monkeypatch.setattr("attnviz.models.memory.available", lambda: 2 * model.size - 1)
    with pytest.raises(ModelError) as refusal:
        av.corpus(model, file, executor="pool", workers=2)
    assert refusal.value.message == "corpus_no_room"


def test_threads_are_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    with pytest.raises(KeyError), executors.threads(before + 1):
        assert torch.get_num_threads() == before + 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_a_pool_whose_worker_died_says_so_and_ends_the_others_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []

    class Dying:
        def __init__(self, *_: object, **how: object) -> None:
            other = SimpleNamespace(terminate=lambda: heard.append("ended"), join=lambda: heard.append("gone"))
            self._processes = {1: other}

        def submit(self, *_: object) -> Future[Part]:
            found: Future[Part] = Future()
            found.set_exception(BrokenProcessPool())
            return found

        def shutdown(self, **how: bool) -> None:
            heard.append(how)

    monkeypatch.setattr(executors, "ProcessPoolExecutor", Dying)
    window = lines.Window(((1, "one"),), (), lines.Place(1, 1), None)
    with pytest.raises(ModelError) as refusal:
        list(executors.pool(Recipe("lab-1", None, "cpu", "float32", "", SOME, 1), [window], 2))
    assert refusal.value.message == "corpus_worker_died"
    assert heard == [{"wait": False, "cancel_futures": True}, "ended", "gone"]
