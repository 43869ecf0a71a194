"""The models page under AppTest: a folder is found by looking, and a model that was opened before by a click."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from transformers import PreTrainedTokenizerBase

from attnviz.messages import LANGUAGES, say
from attnviz.ui.kit.folders import browser, opened
from attnviz.ui.pages.models.choices import PARAMS
from tests.pages.models.opened import Folder
from tests.pages.models.opened import opened as page_opened
from tests.pages.opened import elements, said, seen
from tests.parity import tiny


def looking(lang: str = "en", way: Path | None = None, **link: str) -> AppTest:
    """The page with the popover open, at a folder."""
    at = page_opened(lang, **link)
    at.session_state[browser.KEY + "shown"] = True
    if way is not None:
        at.session_state[browser.KEY + "way"] = [str(way)]
    return at.run()


def of(at: AppTest, name: str, room: str = browser.KEY):  # type: ignore[no-untyped-def]
    return next(one for one in elements(at) if getattr(one, "key", None) == room + name)


def names(at: AppTest) -> list[str]:
    return [option.split(" ", 1)[1] for option in of(at, "picked").options]


@pytest.fixture
def shelf(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> Path:
    """A folder with a model in a folder of a folder."""
    tiny.save("masked", "bert", tmp_path / "shelf" / "我的 模型" / "small bert", wordpiece)
    (tmp_path / "shelf" / "empty").mkdir()
    (tmp_path / "shelf" / "notes.txt").write_text("nobody's affair")
    return tmp_path / "shelf"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_is_found_by_looking_and_opened(lang: str, shelf: Path) -> None:
    at = looking(lang, shelf)
    assert not at.exception and names(at) == ["empty", "我的 模型"]
    assert "notes.txt" not in said(at) and of(at, "open").disabled
    assert of(at, "picked").label == say("browse.inside", lang, count=2)
    for name, marked in (("我的 模型", False), ("small bert", True)):
        option = next(one for one in of(at, "picked").options if one.endswith(name))
        assert option.startswith(browser.MARK) == marked
        of(at, "picked").select(name)
        at.run()
    assert not at.exception and not of(at, "open").disabled and of(at, "picked").value is None
    of(at, "open").click()
    at.run()
    place = str(shelf / "我的 模型" / "small bert")
    assert not at.exception and not at.error
    assert at.session_state[PARAMS["id"].key] == place and at.query_params["id"] in (place, [place])
    assert not at.session_state[browser.KEY + "shown"]


def test_up_leads_up_and_ends_at_the_top(shelf: Path) -> None:
    at = looking(way=shelf / "我的 模型")
    of(at, "up").click()
    at.run()
    assert at.session_state[browser.KEY + "way"] == [str(shelf)]
    at.session_state[browser.KEY + "way"] = ["/"]
    at.run()
    assert of(at, "up").disabled
    of(at, "home").click()
    at.run()
    assert not at.exception and at.session_state[browser.KEY + "way"] == [str(Path.home())]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_folder_that_is_gone_is_told_and_the_nearest_above_is_shown(lang: str, shelf: Path) -> None:
    at = looking(lang, shelf / "gone" / "deeper")
    assert not at.exception
    assert [seen(one.value) for one in at.warning] == [say("error.browse_gone", lang, folder=shelf / "gone" / "deeper")]
    assert at.session_state[browser.KEY + "way"] == [str(shelf)]


def test_a_folder_that_may_not_be_read_leaves_the_reader_where_he_was(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attnviz.errors import ModelError
    from attnviz.models import browse

    plain = browse.listing

    def refuse(place: Path) -> browse.Listing:
        if place.name == "empty":
            raise ModelError("browse_unreadable", folder=place)
        return plain(place)

    monkeypatch.setattr(browse, "listing", refuse)
    at = looking(way=shelf)
    of(at, "picked").select("empty")
    at.run()
    assert not at.exception and len(at.warning) == 1 and names(at) == ["empty", "我的 模型"]
    at.run()
    assert not at.warning, "it is said once"


def test_a_gguf_file_is_opened_when_it_is_chosen(shelf: Path) -> None:
    (shelf / "tiny.gguf").write_bytes(b"GGUF")
    at = looking(way=shelf)
    assert f"{browser.FILE} tiny.gguf" in of(at, "picked").options
    of(at, "picked").select("tiny.gguf")
    at.run()
    assert not at.exception and at.session_state[PARAMS["id"].key] == str(shelf / "tiny.gguf")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_models_opened_before_are_listed_the_last_first_and_a_click_opens_one(lang: str, folder: Folder) -> None:
    first, second = folder("masked", "bert"), folder("causal", "gpt2")
    at = looking(lang, id=first)
    assert say("browse.before", lang) in said(at)
    at.session_state[browser.KEY + "wish"] = (second, "")
    at.run()
    at.session_state[browser.KEY + "shown"] = True
    at.run()
    assert at.session_state[opened.KEY + "list"] == [(second, ""), (first, "")]
    assert [seen(of(at, f"before.{n}").label) for n in (0, 1)] == [second, first]
    of(at, "before.1").click()
    at.run()
    assert not at.exception and at.session_state[PARAMS["id"].key] == first
    at.session_state[browser.KEY + "shown"] = True
    at.run()
    of(at, "forget").click()
    at.run()
    assert say("browse.before_none", lang) in [seen(one.value) for one in at.caption]


def test_a_built_in_model_or_one_that_could_not_be_opened_is_not_listed(tmp_path: Path) -> None:
    for name in ("lab-4", str(tmp_path)):
        at = looking(id=name)
        assert opened.KEY + "list" not in at.session_state


@pytest.mark.parametrize(
    ("said_by", "valid"),
    [
        (["a/b", "main"], True), (["/models/one", ""], True), ("a/b", False), (["a/b"], False), ([1, 2], False),
        (["", ""], False), (["x" * 2000, ""], False), (None, False), ({"name": "a"}, False),
    ],
)  # fmt: skip
def test_of_what_a_browser_says_only_names_are_taken(said_by: object, valid: bool) -> None:
    assert (opened._valid(said_by) is not None) == valid


def test_one_who_is_not_at_this_machine_is_shown_no_folders(monkeypatch: pytest.MonkeyPatch, shelf: Path) -> None:
    monkeypatch.setenv("ATTNVIZ_BROWSE", "0")
    at = looking(way=shelf)
    assert not [one for one in elements(at) if getattr(one, "key", None) == browser.KEY + "picked"]
    assert say("browse.before", "en") in said(at)
    monkeypatch.setenv("ATTNVIZ_BROWSE", "1")
    assert names(looking(way=shelf)) == ["empty", "我的 模型"]
    monkeypatch.setenv("ATTNVIZ_FOLDERS", "0")
    assert not browser.allowed(), "no path is followed: none is shown"


@pytest.mark.parametrize(
    ("address", "host", "may"),
    [
        ("localhost", "localhost:8501", True), ("127.0.0.1", "127.0.0.1:8501", True), ("localhost", "[::1]:8501", True),
        ("localhost", "demo.example.org", False), ("0.0.0.0", "localhost:8501", False), (None, "localhost", False),
        ("localhost", "localhost.example.org", False), ("localhost", "[", False),
    ],
)  # fmt: skip
def test_folders_are_shown_where_both_ends_are_this_machine(
    address: str | None, host: str, may: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTNVIZ_BROWSE", raising=False)
    monkeypatch.setattr(browser.st, "get_option", lambda _: address)
    monkeypatch.setattr(type(browser.st.context), "headers", property(lambda _: {"Host": host}))
    assert browser.allowed() == may
