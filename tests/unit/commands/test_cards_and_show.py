"""The built-in models as their cards tell them, and a page of one run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from attnviz import commands, load, record, shipped, show
from attnviz.commands import cards
from attnviz.messages import LANGUAGES, say
from attnviz.models import BUILT_IN, read_card
from attnviz.systems import kinds
from attnviz.trace import Trace

ROOT = Path(__file__).parents[3]


def test_every_model_that_load_opens_without_a_network_is_listed_once() -> None:
    assert sorted(cards.names()) == sorted([*BUILT_IN, *kinds()])


@pytest.mark.parametrize("name", [*BUILT_IN, "nmt-zh-en", "han-reviews", "positions-rotary"])
def test_the_figures_are_the_card_s_as_the_hub_reads_them(name: str) -> None:
    card = read_card(name)
    assert card is not None
    (line,) = cards.figures(shipped.folder(name), "en")
    told = [float(one.rsplit(" ", 1)[1]) for one in line.split("; ")]
    assert 1 <= len(told) <= cards.MOST and set(told) <= {float(f"{value:.4g}") for value in card.figures.values()}


@pytest.mark.parametrize("name", [*BUILT_IN, *sorted(kinds())])
def test_what_it_is_is_one_sentence_of_the_card_in_each_language(name: str) -> None:
    chinese, english = (cards.about(shipped.folder(name), language) for language in LANGUAGES)
    assert chinese.endswith("。") and len(cards.CHINESE.findall(chinese)) > 10 and chinese.count("。") == 1
    assert english.endswith(".") and not cards.CHINESE.findall(english) and len(english) > 40
    card = (shipped.folder(name) / "README.md").read_text(encoding="utf-8").replace("`", "").replace("**", "")
    assert chinese in card and english in " ".join(card.split())


def test_cards_needs_no_pytorch() -> None:
    program = "import sys; from attnviz.commands import main; main(['cards']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()


def test_cards_can_be_cut_short_by_a_pipe() -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m attnviz cards | head -1", shell=True, cwd=ROOT, capture_output=True, timeout=120
    )
    assert done.stdout.startswith(b"lab-1") and not done.stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_show_writes_the_page_of_the_run_in_the_user_s_language(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    goal = tmp_path / "page.html"
    assert commands.main(["show", "lab-4", "南京市长江大桥", "-o", str(goal), "--lang", language]) == 0
    assert capsys.readouterr().out == say("command.show_written", language, file=goal) + "\n"
    trace = record(load("lab-4"), "南京市长江大桥")
    page = goal.read_text(encoding="utf-8")
    assert f"lang='{language}'" in page and all(f'"{token}"' in page for token in trace.tokens)
    assert len(page) == pytest.approx(len(show(trace, language=language).html), rel=0.01)


def test_a_second_text_and_a_target_are_read_with_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[object, ...]] = []

    def reading(model: object, text: str, *, pair: str | None = None, target: str | None = None) -> Trace:
        heard.append((text, pair, target))
        return record(load("lab-4"), text)

    monkeypatch.setattr("attnviz.record", reading, raising=False)
    for words, expected in (
        ([], ("a", None, None)), (["--pair", "b"], ("a", "b", None)), (["--target=c"], ("a", None, "c")),
    ):  # fmt: skip
        assert commands.main(["show", "lab-4", "a", *words, "-o", str(tmp_path / "x.html")]) == 0
        assert heard.pop() == expected


def test_what_a_system_looks_with_is_its_target(tmp_path: Path) -> None:
    goal = tmp_path / "page.html"
    words = ["show", "target-words", "狗在花园里睡觉。", "--target", "dog", "-o", str(goal)]
    assert commands.main(words) == 0 and "dog" in goal.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_read_or_written_is_one_sentence(
    language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere, folder = tmp_path / "none" / "x.html", str(tmp_path)
    missing = say("error.command_no_folder", language, file=nowhere, folder=nowhere.parent)
    for words, sentence in (
        (["lab-4", "a", "-o", folder], say("error.command_folder", language, file=folder)),
        (["lab-4", "a", "-o", str(nowhere)], missing),
        (["lab-4", "", "-o", str(tmp_path / "x.html")], say("error.text_empty", language)),
        ([str(tmp_path / "m"), "a", "-o", f"{folder}/x"], say("error.folder_missing", language, model=tmp_path / "m")),
    ):  # fmt: skip
        assert commands.main(["show", *words, "--lang", language]) == 2
        assert capsys.readouterr() == ("", f"{sentence}\n")
    assert not list(tmp_path.iterdir())
