"""A server for strangers follows no path, whichever page, link or choice it comes by, and tells of none."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from attnviz import doors, load, settings, shipped
from attnviz.errors import AttnvizError, ModelError
from attnviz.messages import say
from attnviz.models.browse import listing
from attnviz.pictures import open_picture
from attnviz.sounds import open_sound
from attnviz.ui import registry
from attnviz.ui.stores import allowed, model_store
from tests.pages.opened import chosen, run_page, words
from tests.unit.models.hub import endpoint

SCREENS = {screen.name: screen for screen in registry.screens()}
NAMES = (
    "id",
    "model",
    "against",
    "file",
    "from",
    "by",
    "member",
    "network",
    "films",
    "folder",
)  # of a model, a file, a run
ALONE = [(screen.name, param.name) for screen in SCREENS.values() for param in screen.params.values()
         if param.name in NAMES and param.read is str]  # fmt: skip
touched: list[str] = []  # every file that Python opened and folder that it listed since `watched`
watched: list[str] = []


def _hear(event: str, given: tuple[object, ...]) -> None:
    if watched and event in ("open", "os.listdir", "os.scandir") and given and str(given[0]).startswith(watched[0]):
        touched.append(f"{event} {given[0]}")


sys.addaudithook(_hear)  # for the process's life: it can only be told to hear nothing


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A folder of this machine, with a model, a picture and a sound in it, and who looks into it."""
    shutil.copytree(shipped.WEIGHTS / "lab-1", tmp_path / "lab-x")
    shutil.copytree(shipped.WEIGHTS / "digits", tmp_path / "digits-x")
    shutil.copy(shipped.WEIGHTS / "detr-cells" / "BloodImage_00132.jpg", tmp_path / "x.jpg")
    touched.clear()
    watched[:] = [str(tmp_path)]
    yield tmp_path
    watched.clear()


@pytest.fixture
def hosted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile for strangers."""
    monkeypatch.setenv("ATTNVIZ_HOSTED", "1")


def sentences(at: AppTest) -> str:
    """What the page says in place of a result."""
    return " ".join(str(one.value) for one in (*at.error, *at.warning, *at.info))


def check(at: AppTest, place: Path) -> None:
    """Nothing was looked at, and nothing said of it."""
    assert not at.exception and touched == []
    assert str(place) not in sentences(at) and str(shipped.WEIGHTS) not in sentences(at)


@pytest.mark.parametrize("name", SCREENS)
def test_no_page_follows_a_path_in_its_link(name: str, place: Path, hosted: None) -> None:
    words = {param.name: str(place / "lab-x") for param in SCREENS[name].params.values() if param.read is str}
    check(run_page(name, "en", words), place)


@pytest.mark.parametrize(("name", "param"), ALONE)
def test_no_choice_alone_follows_one(name: str, param: str, place: Path, hosted: None) -> None:
    for said in ("digits-x", "x.jpg"):
        at = run_page(name, "zh", {param: str(place / said)})
        check(at, place)


@pytest.mark.parametrize(
    "named", ["/etc", "/etc/passwd", "..", "~", "~root", "$HOME", "./lab-4/..", "file:///etc", "lab-4/../lab-4",
              "gpt2", "google-bert/bert-base-chinese", "google-bert/bert-base-chinese@main",
              "https://huggingface.co/openai-community/gpt2", "http://127.0.0.1:8501/x", "\\\\server\\share"],
)  # fmt: skip
def test_only_its_own_models_are_opened_and_the_sentence_names_them(named: str, hosted: None) -> None:
    at = run_page("models", "en", {"id": named})
    assert not at.exception and "This server opens only its own models" in sentences(at)


def test_on_one_s_own_machine_the_same_links_are_followed(place: Path) -> None:
    at = run_page("models", "en", {"id": str(place / "lab-x")})
    assert not at.exception and not at.error and touched
    touched.clear()
    at = run_page("seeing", "en", {"file": str(place / "x.jpg")})
    assert not at.exception and not at.error and touched


def test_no_folder_is_offered_and_no_path_asked_for(hosted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_ALLOW", "org/listed@abc123")
    at = run_page("models", "en", {})
    assert not [one for one in at.button if "older" in str(one.label)]
    buttons = [one.proto.popover.label for one in at.get("popover")]
    assert buttons and not {say("browse.button", "en"), say("browse.button_before", "en")} & set(buttons)
    assert at.selectbox(key="models.id").proto.accept_new_options is False
    *own, listed = at.selectbox(key="models.id").options
    assert listed == "org/listed" and all(one.startswith("lab-") for one in own)
    for lang in ("zh", "en"):
        at = run_page("models", lang, {})
        told = [*words(at), at.selectbox(key="models.id").help]
        inviting = [
            text for text in told if re.search(r"paste a Hub|or type|folder|粘贴 Hub|直接输入|本地文件夹", text)
        ]
        assert inviting == [] or all("own machine" in text or "自己的电脑" in text for text in inviting)
        assert "models.revision" not in [one.key for one in at.text_input]
    for name in ("seeing", "hearing"):
        keys = [one.key for one in run_page(name, "en", {"file": "x"}).text_input]
        assert f"{name}.typed" not in keys


def test_a_translation_model_is_chosen_from_the_list_or_not_at_all(
    hosted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = run_page("translation", "en", {"way": "hub", "model": "/etc"})
    (ways,) = [one for one in at.get("button_group") if one.key == "translation.way"]
    assert not at.exception and not at.error and len(ways.options) == 2
    monkeypatch.setenv("ATTNVIZ_ALLOW", "org/listed@abc123")
    monkeypatch.setattr(
        "attnviz.models.load", lambda *_, **__: (_ for _ in ()).throw(ModelError("opening_stopped", model="x"))
    )
    at = run_page("translation", "en", {"way": "hub", "model": "/etc"})
    assert at.selectbox(key="translation.model").options == ["org/listed"]


def test_the_doors_that_every_page_goes_through_are_shut(place: Path, hosted: None) -> None:
    for closed in (
        lambda: shipped.folder(str(place / "lab-x")), lambda: listing(place), lambda: open_picture(place / "x.jpg"),
        lambda: open_sound(place / "digits-x" / "voices" / "theo.ogg"),
        lambda: model_store().take(str(place / "lab-x")), lambda: load(place / "lab-x"),
    ):  # fmt: skip
        with pytest.raises(AttnvizError) as refusal:
            closed()
        assert refusal.value.message in ("settings_path", "settings_model")
    assert shipped.stated(place / "lab-x") == {} and touched == []
    way_back = shipped.WEIGHTS / ".." / ".." / ".." / ".." / ".." / ".." / ".." / str(place)[1:] / "x.jpg"
    (place / "link").symlink_to(place / "x.jpg")
    for path in (way_back, place / "link"):
        assert not doors.lets_in("path", path)
    assert doors.lets_in("path", shipped.WEIGHTS / "detr-cells" / "BloodImage_00132.jpg")


def test_a_listed_model_is_opened_in_its_revision_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_HOSTED", "1")
    monkeypatch.setenv("ATTNVIZ_ALLOW", "org/listed@abc123")
    opened: list[tuple[str, str | None]] = []

    def load(name: str, revision: str | None = None, **_: object) -> object:
        opened.append((name, revision))
        return object()

    monkeypatch.setattr("attnviz.models.load", load)
    store = type(model_store())(10**6, size=lambda _: 1)
    first = store.take("org/listed")
    assert store.take("org/listed", "abc123") is store.take("org/listed@abc123") is first
    assert opened == [("org/listed", "abc123")] and store.has("org/listed")
    for named in (
        ("org/listed", "main"),
        ("org/listed@main", ""),
        ("org/listed@abc123", "main"),
        ("org/other", "abc123"),
    ):
        with pytest.raises(ModelError, match=r"org/listed"):
            store.take(*named)
    assert allowed.offered() == ("org/listed",)


def test_where_folders_are_shut_alone_any_id_of_the_hub_is_open(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_FOLDERS", "0")
    monkeypatch.chdir(place)
    assert doors.lets_in("model", "google-bert/bert-base-chinese") and doors.lets_in("model", "gpt2")
    for named in (str(place / "lab-x"), "lab-x", "./lab-x", "~/x", "..", "file:///x", "./none", ".none"):
        assert not doors.lets_in("model", named)


def test_the_quota_of_what_is_fetched_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_DOWNLOADS_MB", "10")
    quota = allowed.Quota()
    quota.take("a/b", 6_000_000)
    with pytest.raises(ModelError, match=r"a/c needs 5 MB, and 4 MB"):
        quota.take("a/c", 5_000_000)
    quota.take("a/d", 4_000_000)
    monkeypatch.setenv("ATTNVIZ_DOWNLOADS_MB", "0")
    quota.take("a/e", 10**12)
    assert settings.now().downloads_mb == 0


def test_the_store_s_models_are_fetched_within_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_DOWNLOADS_MB", "0.001")
    with endpoint(monkeypatch, tmp_path / "cache") as server:
        server.add("someone/small", shipped.WEIGHTS / "lab-1")
        with pytest.raises(ModelError) as refusal:
            model_store().take("someone/small")
    assert refusal.value.message == "settings_downloads" and not list(tmp_path.rglob("model.safetensors"))


def test_a_text_longer_than_the_settings_allow_is_cut_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTNVIZ_CHARACTERS", "12")
    at = run_page("attention", "en", {"text": "The old man and the sea"})
    assert not at.exception and chosen(at, "text") == "The old man "
    assert "at most 12 characters" in sentences(at).replace("\\", "")
