"""What every page owes, whichever pages there are: both languages, its link, a sentence for an empty text, words for
every picture. The pages are those of the registry; a new one is tested as soon as its folder is there."""

from __future__ import annotations

import inspect
import re

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say, table
from attnviz.ui import registry
from attnviz.ui.kit import Param, Screen, address
from tests.pages.opened import PATIENCE, ROOT, file_of, said

SCREENS = {screen.name: screen for screen in registry.screens()}
NUMBERS, TEXT = ("1", "2", "0", "0.55"), "猫坐在垫子上。"
# Values that a page takes only where they fit its text, model or files.
FITTING = {
    ("acting", "task"): "putnext", ("acting", "size"): "7", ("acting", "seed"): "5", ("acting", "what"): "purple.key",
    ("acting", "beside"): "purple.ball", ("acting", "edits"): "1w1.1", ("acting", "moves"): "2.LL",
    ("acting", "of"): "2", ("acting", "without"): "0.1", ("acting", "hidden"): "9.10",
     ("acting", "blind"): "target", ("acting", "head"): "3", ("acting", "asked"): "-30", ("acting", "layer"): "1",
     ("captions", "scene"): "cat 4 2, lemon 36 34", ("captions", "picture"): "bed 21 36, horse 9 5, fish 37 10",
    ("choosing", "network"): "sasrec-films",
    ("choosing", "films"): "0078748-0083658-0133093-1182345", ("choosing", "against"): "1483013",
    ("choosing", "out"): "0078748", ("choosing", "swap"): "0083658", ("choosing", "with"): "0133093",
    ("choosing", "who"): "0133093", ("choosing", "not"): "0083658", ("choosing", "without"): "0.1",
    ("choosing", "map"): "1",
    ("compare", "model"): "lab-2", ("compare", "against"): "lab-1", ("compare", "head"): "1",
    ("compare", "beside"): "2",
    ("compare", "rule_b"): "argmax",
    ("directions", "token"): "3", ("directions", "most"): "3", ("directions", "step"): "2",
    ("finding", "sample"): "BloodImage_00132", ("finding", "hidden"): "3.4",
    ("finding", "without"): "cross.0.1-encoder.1.3", ("finding", "box"): "7", ("finding", "layer"): "0",
    ("finding", "place"): "30",
    ("finding", "model"): str(ROOT / "attnviz" / "weights" / "detr-cells"),
    ("finding", "file"): str(ROOT / "attnviz" / "weights" / "detr-cells" / "BloodImage_00132.jpg"),
    ("grammar", "model"): "lab-2", ("grammar", "head"): "1.1", ("grammar", "task"): "agreement",
    ("grammar", "set"): "classifiers", ("grammar", "minimal"): "The cat {sits|sit} here.",
    ("hearing", "digits"): "24", ("hearing", "hidden"): "8.9.10", ("hearing", "without"): "cross.0.1-encoder.1.3",
    ("hearing", "voice"): "theo", ("hearing", "moment"): "9", ("hearing", "word"): "1", ("hearing", "head"): "1",
    ("hearing", "hears"): "zh", ("hearing", "model"): str(ROOT / "attnviz" / "weights" / "digits"),
    ("hearing", "file"): str(ROOT / "attnviz" / "weights" / "digits" / "voices" / "theo.ogg"),
    ("hierarchical", "text"): "The food was great. The waiter was slow.",
    ("limits", "model"): "lab-2",
    ("long", "model"): "lab-2",
    ("long", "sample"): "own",
    ("long", "q0"): "0", ("long", "q1"): "8", ("long", "k0"): "0", ("long", "k1"): "8",
    ("models", "change"): "-1.1;1>2",
    ("models", "id"): "lab-2",
    ("models", "map"): "self",
    ("positions", "order"): "0.2.1.3.4.5.6.7.8",
    ("positions", "text"): "猫坐在垫子上。",
    ("readings", "a"): "乒乓/球拍/卖/完了", ("readings", "b"): "乒乓球/拍卖/完了", ("readings", "case"): "own",
    ("readings", "left"): "1.1", ("readings", "right"): "0.2",
    ("atlas", "model"): "lab-2", ("atlas", "head"): "1.1", ("atlas", "keep"): "3",
    ("reasons", "model"): "lab-2", ("reasons", "head"): "1.1", ("reasons", "piece"): "300",
    ("reasons", "against"): "301",
    ("seeing", "against"): "3", ("seeing", "explain"): "5",
    ("seeing", "sample"): "bag", ("seeing", "hidden"): "3.4", ("seeing", "without"): "0.1-3.2",
    ("seeing", "map"): "self", ("seeing", "model"): str(ROOT / "attnviz" / "weights" / "vit-4"),
    ("seeing", "file"): str(ROOT / "attnviz" / "weights" / "vit-4" / "samples.png"),
    ("series", "from"): "2014-03-05 06:00", ("series", "table"): "co2", ("series", "off"): "0.1-1.2",
    ("series", "model"): "air-beijing-even", ("series", "column"): "1",
    ("series", "time"): "0", ("series", "hidden"): "9-5", ("series", "part"): "encoder",
    ("sparse", "model"): "lab-2",
    ("translation", "way"): "en-zh", ("translation", "model"): "lab-2",
}  # fmt: skip
# What a page cannot show without network or with this model: a revision of one that is not of the Hub, a chat, and what
# was written by one that writes (tests/pages/models holds that the links of both come back).
LEFT_OUT = {(page, "revision") for page in ("models", "long")} | {("models", n) for n in ("chat", "wrote", "ids")}
LEFT_OUT |= {("captions", "by")}  # one that reads a picture and a text; tests/pages/pictures/test_beside.py
TEXTS = ("text", "own", "zh", "target")  # names of the boxes in which a page is asked about a text
OPTIONAL = {("models", "target"), ("translation", "target"), ("readings", "own")}  # boxes that may stay empty


def wanted(screen: Screen) -> dict[str, str]:
    """A legal value other than the usual one for each choice in the page's link."""
    values = {param.name: _other(screen.name, param) for param in screen.params.values()}
    return {name: value for name, value in values.items() if (screen.name, name) not in LEFT_OUT}


def _other(page: str, param: Param) -> str:
    if (page, param.name) in FITTING:
        return FITTING[page, param.name]
    read = inspect.unwrap(param.read)
    allowed = inspect.getclosurevars(read).nonlocals.get("allowed", ()) if inspect.isfunction(read) else ()
    for candidate in (*reversed(allowed), *((TEXT,) if param.read is str else NUMBERS)):
        try:
            if param.read(candidate) != param.default and (candidate in allowed or not allowed):
                return candidate
        except ValueError:
            continue
    raise AssertionError(f"no value for {param.name} of the page {page}: add one to FITTING")


def alone(name: str, **link: str) -> AppTest:
    """The page without app.py around it, opened by a link."""
    at = AppTest.from_file(file_of(name), default_timeout=PATIENCE)
    for key, value in link.items():
        at.query_params[key] = value
    return at.run()


def in_the_app(screen: Screen, lang: str) -> AppTest:
    """The page with app.py around it."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).switch_page(screen.file)
    at.query_params["lang"] = lang
    return at.run()


def raw_keys(at: AppTest, lang: str) -> list[str]:
    """Message keys that stand on the screen instead of their words."""
    groups = "|".join(sorted({key.split(".")[0] for key in table(lang)}))
    return re.findall(rf"(?<![\w.])(?:{groups})\.[a-z_]+\b", said(at))


def silent(at: AppTest) -> list[str]:
    """Charts for which a screen reader has no sentence."""
    return [chart.proto.id for chart in at.get("plotly_chart") if not chart.proto.alt.strip()]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SCREENS)
def test_page_opens_in_the_app(name: str, lang: str) -> None:
    screen = SCREENS[name]
    at = in_the_app(screen, lang)
    assert not at.exception and not at.error, [error.value for error in at.error]
    assert say(_full(screen.title or f"{name}.title"), lang) in said(at)
    assert say(f"ui.page_{name}", lang)
    assert not raw_keys(at, lang) and not silent(at)
    if lang != "en":  # the bench, which writes options in English, cannot press on in another language
        return
    before = dict(at.query_params)
    at.session_state[address.KEY + ".book"].whole = False  # a run was cut off: the next tells the browser all again
    at.run()
    assert not at.exception and not at.error and dict(at.query_params) == before


def _full(key: str) -> str:
    return key if "." in key else f"ui.{key}"


@pytest.mark.parametrize("name", SCREENS)
def test_page_alone_brings_back_every_choice_of_its_link_and_keeps_it(name: str) -> None:
    screen, link = SCREENS[name], wanted(SCREENS[name])
    at = alone(name, **link)
    assert not at.exception and not at.error, [error.value for error in at.error]
    assert not raw_keys(at, link["lang"]) and not silent(at)
    assert say(_full(screen.title or f"{name}.title"), link["lang"]) in said(at)
    for param in screen.params.values():
        if param.name in link:
            published = at.query_params.get(param.name)
            value = published[0] if isinstance(published, list) else published
            assert value is not None and param.read(value) == param.read(link[param.name]), param.name
            assert at.session_state[param.key] == param.read(link[param.name]), param.name


ASKED = [(name, param.name) for name, screen in SCREENS.items() for key, param in screen.params.items() if key in TEXTS]


@pytest.mark.parametrize(("name", "box"), [pair for pair in ASKED if pair not in OPTIONAL])
def test_text_with_nothing_to_read_is_one_sentence(name: str, box: str) -> None:
    at = alone(name, lang="zh", **{box: "   "})
    assert not at.exception
    assert len(at.error) == 1 and at.error[0].value.strip()
    assert not raw_keys(at, "zh")
