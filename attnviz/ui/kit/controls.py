"""The controls that pages share, each written once: a text, a head, a cell, a token, a model, the look of a picture.

They hand back plain values. A control's `key` is the prefix of its page's keys; without one it is shared by the pages
that show the same sentence and the same open head. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz import shipped
from attnviz.errors import TextError
from attnviz.selection import SCALES
from attnviz.ui.kit import link
from attnviz.ui.kit.languages import t
from attnviz.ui.kit.link import Param, between, flag, one_of
from attnviz.ui.kit.rules import RULE_PARAMS, SHARED, choose_one, rule_now, value_of
from attnviz.ui.stores import RuleChoice, offered

if TYPE_CHECKING:
    from attnviz.axes import Units
    from attnviz.selection import Scale, Selection
    from attnviz.trace import Trace

MODELS = ("lab-1", "lab-2", "lab-4", "lab-8")
BUILT_IN = (*MODELS, "lab-gpt")
SCOPES = ("redraw", "run")
START = "南京市长江大桥"
LESSONS = {"zh": (START, 4), "en": ("The old man and the sea", 2)}  # of the first lesson, and the token that asks
SAMPLES = (
    START,
    "乒乓球拍卖完了",
    "中华人民共和[MASK]成立",
    "他把书还给了图书馆",
    "The dog chased the cat because it was hungry.",
    "I saw the man with the telescope.",
)

# For pages that ask what a prediction hangs on: what gives a token away stands some tokens off.
LINKED_START = "中华人民共和国成立了七十多年，人民的生活有了很大的变化。"
LINKED_SAMPLES = (
    LINKED_START,
    "他把书还给了图书馆，然后去超市买了一些水果和牛奶。",
    "She is one of the best players in the history of the game.",
    "The dog chased the cat because it was hungry and tired.",
)
LINKED_TOKEN = 2  # 华, of 中华人民共和国: what gives it away stands three tokens on
LONGEST_NAME = 15  # characters of a sample that its button shows where samples are long

# The sentence, the open head and how it is drawn: what is chosen on one page stands on the next.
SHARED_PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", SHARED + "text", START, str),
    "layer": Param("layer", SHARED + "layer", 3, between(0, 999, int)),
    "head": Param("head", SHARED + "head", 2, between(0, 999, int)),
    "query": Param("query", SHARED + "query", None, between(0, 99_999, int)),
    "key": Param("key", SHARED + "key", None, between(0, 99_999, int)),
    "blank": Param("blank", SHARED + "blank", None, between(0, 99_999, int)),
    "scope": Param("scope", SHARED + "scope", "redraw", one_of(*SCOPES)),
    "scale": Param("scale", SHARED + "scale", "unit", one_of(*SCALES)),
    "specials": Param("specials", SHARED + "specials", True, flag),
}


@dataclass(frozen=True)
class Choices:
    """What is chosen of `SHARED_PARAMS` and does not depend on the run; the controls themselves may be drawn later."""

    text: str
    rule: RuleChoice
    scope: str
    scale: Scale
    specials: bool
    blank: int | None


def choices_now() -> Choices:
    """Everything that does not depend on the run."""
    text = str(st.session_state[SHARED + "text"] or "")
    blank: int | None = st.session_state.get(SHARED + "blank")
    return Choices(text, rule_now(), value_of(SHARED_PARAMS["scope"]), *look_now(), blank)


def look_now() -> tuple[Scale, bool]:
    """The scale of the colours, and whether [CLS] and [SEP] are drawn."""
    return cast("Scale", value_of(SHARED_PARAMS["scale"])), bool(st.session_state[SHARED + "specials"])


def choose_text(
    key: str,
    samples: Sequence[str],
    on_change: Callable[[], None] | None = None,
    *,
    name: str = "text",
    named: Callable[[str], str] = str,
    label: str = "",
) -> str:
    """A text box with sample sentences beside it. `on_change` forgets what belonged to the other text.

    The shared one has lines, as a text that is pasted may.
    """
    box, beside = st.columns([5, 7], vertical_alignment="bottom", gap="small")
    words: dict[str, Any] = {"placeholder": t("text_placeholder"), "on_change": on_change}
    with box:
        if key == SHARED:
            st.text_area(t("text"), key=key + name, height="content", help=t("prompts.lines_help"), **words)
        else:
            st.text_input(t("text"), key=key + name, **words)
    with beside:
        offer_samples(
            f"{key}sample" if name == "text" else f"{key}sample_{name}", samples, partial(_put, key + name, on_change),
            label=label, format_func=named,
        )  # fmt: skip
    return str(st.session_state[key + name] or "")


def _shortened(sample: str) -> str:
    """As much of a long sample as its button shows."""
    return sample if len(sample) <= LONGEST_NAME else sample[:LONGEST_NAME] + "…"


def _put(key: str, then: Callable[[], None] | None, sample: str) -> None:
    """Put a sample into the box, and forget what belonged to the other text."""
    st.session_state[key] = sample
    if then is not None:
        then()


def bring_text(box: str, kinds: Sequence[str], button: str, label: str) -> bool:
    """A file whose text takes the place of what stands in the text box of the key `box`; was the last one no text?"""
    with st.popover(button, icon=":material/upload_file:"):
        st.file_uploader(label, list(kinds), key=f"{box}.file", on_change=_take_text, args=(box,))
    return bool(st.session_state.pop(f"{box}.unread", False))


def _take_text(box: str) -> None:
    """A file was brought: its text is what stands in the box."""
    from attnviz.text.decode import decoded

    file = st.session_state[f"{box}.file"]
    if file is None:
        return
    text = decoded(file.getvalue())
    if text is None:
        st.session_state[f"{box}.unread"] = True
    else:
        st.session_state[box] = text


def choose_lines(key: str, start: str, about: str) -> list[str]:
    """Many sentences, one a line: typed, from a file, or those of `start`. `about` is help. Raises `TextError`."""
    st.text_area(t("lines.label"), key=key, height=150, help=about, placeholder=start.strip())
    if bring_text(key, ("txt",), t("lines.bring"), t("lines.file")):
        raise TextError("lines_file")
    typed = str(st.session_state[key]).strip() or start
    return [line.strip() for line in typed.splitlines() if line.strip()]


def offer_samples(
    key: str, samples: Iterable[Any], take: Callable[[Any], None], *, label: str = "", **drawn: Any
) -> None:
    """Samples to click; `take` is called with the one that was. `drawn` is handed on to `st.pills`."""
    st.pills(label or t("samples"), list(samples), key=key, on_change=_take_sample, args=(key, take), **drawn)


def _take_sample(key: str, take: Callable[[Any], None]) -> None:
    """A sample was clicked; it can be clicked again."""
    sample = st.session_state[key]
    if sample is not None:
        st.session_state[key] = None
        take(sample)


def choose_shared_text() -> None:
    """The sentence of all pages that show the shared one."""
    choose_text(SHARED, SAMPLES, _forget_blank)


def _forget_blank() -> None:
    """A blank belongs to the text it was made in."""
    st.session_state[SHARED + "blank"] = None


def choose_lab_model(param: Param, on_change: Callable[[], None] | None = None) -> str:
    """Which of the four models: 1, 2, 4 or 8 heads."""
    return choose_one(param, MODELS, t("heads"), lambda name: name.removeprefix("lab-"), t("heads_help"), on_change)


def choose_any_model(
    key: str,
    titles: Mapping[str, str] | Sequence[str] = BUILT_IN,
    on_change: Callable[[], None] | None = None,
    *,
    start: str = "lab-4",
    about: str = "",
) -> str:
    """One of a short list (`titles` by name), or any Hub id, folder or GGUF file that is typed."""
    current, more = str(st.session_state[key] or start).strip(), offered()
    names = titles if isinstance(titles, Mapping) else dict(zip(titles, titles, strict=True))
    if more is not None:  # those of a server that opens no others
        names = {name: title for name, title in names.items() if shipped.has(name)} | {name: name for name in more}
    st.selectbox(
        t("any_model"), list(dict.fromkeys([*names, current])), key=key, accept_new_options=more is None,
        format_func=lambda name: names.get(name, name), help=t("any_model_help") + about,
        placeholder=t("any_model_placeholder"), on_change=on_change,
    )  # fmt: skip
    return current


def choose_revision(key: str, on_change: Callable[[], None] | None = None) -> None:
    """A model's revision, behind a button; empty is the usual one. None where models come from a list, each in one."""
    if offered() is not None:
        return
    with st.popover(t("revision"), width="stretch"):
        st.text_input(t("revision_name"), key=key, help=t("revision_help"), placeholder="main", on_change=on_change)


def choose_scope() -> None:
    """Redraw, or run with it."""
    choose_one(SHARED_PARAMS["scope"], SCOPES, t("scope"), t, t("scope_help"))


def choose_scale(param: Param = SHARED_PARAMS["scale"]) -> None:
    """The scale of the colours."""
    choose_one(param, SCALES, t("scale"), lambda name: t(f"scale_{name}"))


def choose_look() -> None:
    """The scale of the colours, and whether [CLS] and [SEP] are drawn."""
    choose_scale()
    st.toggle(t("specials"), key=SHARED + "specials")


def within(key: str, count: int) -> int:
    """The number chosen for `key`, drawn into 0 ... count - 1 when the text or the model has become smaller."""
    return nearest(key, range(count))


def nearest(key: str, options: Sequence[int]) -> int:
    """The number chosen for `key`, or else the nearest that there is."""
    wanted = int(st.session_state[key])
    number = wanted if wanted in options else min(options, key=lambda option: abs(option - wanted))
    st.session_state[key] = number
    return number


def head_now(run: Trace, key: str = SHARED) -> tuple[int, int]:
    """The layer and head that are chosen, or else the nearest that have weights in this run."""
    layer = nearest(key + "layer", run.open_layers)
    return layer, within(key + "head", run.attention(layer).n_heads)


def choose_head(
    run: Trace, key: str = SHARED, places: Sequence[DeltaGenerator] | None = None, *, off: tuple[str, ...] = ()
) -> tuple[int, int]:
    """Layer and head by picker, for the keyboard and for those who know the number; `off` cannot be changed now.

    Layers without attention are not among them; heads that share their keys name the key head.
    """
    layer, head = head_now(run, key)
    shared = run.attention(layer).shared

    def named(number: int) -> str:
        return str(number) if shared == 1 else t("shared_head", head=number, key=number // shared)

    first, second = places or st.columns(2, gap="small")
    heads = range(run.attention(layer).n_heads)
    first.selectbox(t("layer_from_zero"), run.open_layers, key=key + "layer", disabled="layer" in off)
    second.selectbox(t("head_from_zero"), heads, key=key + "head", format_func=named, disabled="head" in off)
    return layer, head


def with_cell(run: Trace, selection: Selection, key: str = SHARED) -> Selection:
    """The selection with the pair that is chosen, or else the last that there are.

    While nobody has chosen one it is the strongest of the open head; a query that is chosen alone has the strongest of
    its row. Whoever names a key means that pair, so that its query stays as well. A word is named by its first token.
    """
    from attnviz.figures import choose

    names, sides = (key + "query", key + "key"), [axis.grouped(selection.by) for axis in (run.queries, run.keys)]
    query, other = (
        None if link.chosen(name) is None else _first(name, side) for name, side in zip(names, sides, strict=True)
    )
    if query is None and other is not None and st.session_state[names[0]] is not None:
        query = _first(names[0], sides[0])
    pair = choose.strongest(run, selection, query=query, key=other)
    named = (query is not None or other is not None, other is not None)
    for name, place, by_someone in zip(names, pair, named, strict=True):
        (link.choose if by_someone else link.find)(name, place)
    return replace(selection, query=pair[0], key=pair[1])


def _first(key: str, units: Units) -> int:
    """The first token of the unit in which the token stands that is chosen for `key`, or else the last one."""
    return units.firsts[units.of[within(key, len(units.of))]]


def choose_cell(
    run: Trace,
    key: str = SHARED,
    places: Sequence[DeltaGenerator] | None = None,
    *,
    labels: tuple[str, str] | None = None,
    by: str = "token",
) -> tuple[int, int]:
    """Query and key by picker: tokens, or characters or words by the first token of each."""
    found = []
    words, columns = labels or (t("query"), t("key")), places or st.columns(2, gap="small")
    for name, axis, word, column in zip(("query", "key"), (run.queries, run.keys), words, columns, strict=True):
        units = axis.grouped(by)
        named = {places[0]: unit_name(places, label) for places, label in zip(units.places, units.labels, strict=True)}
        nearest(key + name, list(named))
        found.append(column.selectbox(word, list(named), key=key + name, format_func=named.__getitem__))
    return found[0], found[1]


def unit_name(places: Sequence[int], label: str) -> str:
    """A unit with the numbers of its tokens, as in 3–5 · 大桥.

    >>> unit_name([3, 4, 5], "大桥"), unit_name([3], "桥")
    ('3–5 · 大桥', '3 · 桥')
    """
    return f"{span_of(places)} · {label}"


def span_of(places: Sequence[int]) -> str:
    """The numbers of some tokens: from the first to the last, or each where others stand between them."""
    if len(places) > 1 and places[-1] - places[0] == len(places) - 1:
        return f"{places[0]}–{places[-1]}"
    return ", ".join(map(str, places))


def choose_token(
    key: str, labels: Sequence[str], label: str, options: Sequence[int] | None = None, about: str | None = None
) -> int:
    """A token by its number and name; all of `labels`, or those of `options`."""
    offered = range(len(labels)) if options is None else options
    nearest(key, offered)
    chosen: int = st.selectbox(label, offered, key=key, format_func=partial(numbered, labels), help=about)
    return chosen


def numbered(labels: Sequence[str], number: int) -> str:
    """A token with its number."""
    return f"{number} · {labels[number]}"


def choose_asked_model(key: str) -> str:
    """A lab model, or any other, on a page that asks about one token."""
    return choose_any_model(key + "model", on_change=partial(_forget_asked_token, key))


def choose_asked_text(key: str) -> str:
    """The text, and some to try, on a page that asks about one token."""
    return choose_text(key, LINKED_SAMPLES, partial(_forget_asked_token, key), named=_shortened)


def _forget_asked_token(key: str) -> None:
    """A token that is asked about belongs to the text and model it was chosen in."""
    st.session_state[f"{key}at"] = None


def choose_asked_token(key: str, run: Trace, masked: bool) -> tuple[int, int | None]:
    """Which token is asked about: the one that is blanked, or after which a model writes on; and the blank to make.

    The last unless chosen. A model that fills blanks (`masked`) is asked about a [MASK] of the text, where no blank is
    to be made, or else about the token in the middle.
    """
    labels, special = run.tokens, run.special
    options = [at for at in range(len(labels)) if not masked or not special[at] or labels[at] == "[MASK]"]
    options = options or list(range(len(labels)))
    if st.session_state[f"{key}at"] not in options:
        st.session_state[f"{key}at"] = _usual(run, options, masked)
    what = "blank" if masked else "query"
    at = choose_token(f"{key}at", labels, t(f"asking.{what}"), options, t(f"asking.{what}_help"))
    return at, at if masked and labels[at] != "[MASK]" and not special[at] else None


def _usual(run: Trace, options: Sequence[int], masked: bool) -> int:
    """The token that is asked about while nobody has chosen one."""
    if not masked:
        return options[-1]
    if "[MASK]" in run.tokens:
        return run.tokens.index("[MASK]")
    return LINKED_TOKEN if run.text == LINKED_START and LINKED_TOKEN in options else options[len(options) // 2]
