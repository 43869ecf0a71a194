"""What the models page shows: whose weights these are, what has no picture, and a text that the model writes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui import kit
from attnviz.ui.kit import SHARED, language, plain, t, work
from attnviz.ui.pages.models import choices
from attnviz.ui.pages.models.choices import KEY, MOST_TOKENS, RunRequest, forget_written, inside, part_name

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace

PATIENCE = 20  # seconds for a token that is under way when the reader says stop


def choose_pair() -> None:
    """A second text, read with the first as one; blank: none."""
    st.text_input(
        t("pair"), key=KEY + "pair", help=t("pair_help"), placeholder=t("pair_placeholder"), on_change=_forget_blank
    )  # fmt: skip


def _forget_blank() -> None:
    """A blank belongs to the texts that it was made in."""
    st.session_state[SHARED + "blank"] = None


def choose_reading(model: Model) -> None:
    """How the text is read, where the model asks for more: in which language, as a chat, after what it has written."""
    _choose_languages(model)
    if model.chats or choices.choice_of("chat"):  # of a model without a template, to be taken back
        st.toggle(t("prompts.chat"), key=KEY + "chat", help=t("prompts.chat_help"), on_change=_forget_blank)
    if model.kind == "seq2seq" and KEY + "written" not in st.session_state:
        st.text_input(t("target"), key=KEY + "target", help=t("target_help"), placeholder=t("target_placeholder"))


def _choose_languages(model: Model) -> None:
    """The language of the text, and the one to write in, of those that the model's tokenizer can be told."""
    names, usual = choices.told(model), model.usual_languages
    for name, own, place in zip(names, usual, st.columns(2, gap="small") if names else (), strict=False):
        key = KEY + name
        chosen = str(st.session_state[key] or "")  # one that the model does not know stays, for its sentence
        st.session_state[key] = chosen
        codes: list[str] = list(dict.fromkeys(["", *model.languages, chosen]))
        named = {"": t("prompts.usual", code=own) if own else t("prompts.not_told")}
        place.selectbox(
            t(f"prompts.{name}"), codes, key=key, help=t(f"prompts.{name}_help"), format_func=partial(_named, named)
        )


def _named(named: dict[str, str], code: str) -> str:
    """A code, or what stands for none."""
    return named.get(code, code)


def explain(
    model: Model, before: Trace, run: Trace, selection: Selection, style: Style, again: Callable[[], Trace] | None
) -> None:
    """Beside the picture: why the chosen weight is what it is, what can be taken away, and what can be changed."""
    cell = selection.explained(run)
    forbidden = cell.score == float("-inf") and choices.allowed_before(before, run.part, selection)
    kit.show_why(cell, kit.as_rule(kit.rule_now()), model.name, choices.scope(model), forbidden=forbidden)
    kit.show_sink(run, selection)
    kit.take_away(run, selection, style, again=again)
    choices.choose_changes(run, selection, locked=model.eager)


def show_change(before: Trace, after: Trace, run: Trace, selection: Selection, style: Style) -> None:
    """What the model says, and where a change acts inside the run, the open head before and after it."""
    kit.show_effect(before.map(run.part), run, selection.query)
    if after is not before:
        kit.draw_change(before.map(run.part), run, selection, style)


def show_facts(model: Model, run: Trace) -> None:
    """Whose weights these are."""
    parts = [
        t("facts_map", part=part_name(part), layers=len(run.map(part).open_layers), heads=run.map(part).n_heads)
        for part in run.parts
    ]
    size = f"{model.parameters / 1e6:,.1f}"
    from attnviz.adapter.machine import short

    machine, stored = model.machine, model.stored
    numbers = plain(machine.numbers)
    st.caption(t("facts", model=plain(model.name), kind=t(f"kind_{model.kind}"), size=size, maps=", ".join(parts)))
    if not machine.plain:
        st.caption(t("facts_machine", device=plain(str(machine.device)), numbers=numbers))
    if stored is not None and stored != machine.dtype:
        st.caption(t("facts_stored", stored=plain(short(stored)), numbers=numbers))


def show_limits(model: Model, run: Trace) -> None:
    """How far it was read, what has no picture or cannot be done, and what the folder holds and is not used."""
    from attnviz.trace import Gap

    kit.show_cut(run, model.limit)
    for notice in model.notices:
        st.caption(f":material/info: {notice.say(language(), plain)}")
    gaps = {layer for layer in run.layers if isinstance(layer, Gap)}
    for gap in sorted(gaps, key=str):
        numbers = [str(n) for n, layer in enumerate(run.layers) if layer == gap]
        st.caption(t("facts_gap", layers=", ".join(numbers), reason=t(f"gap.{gap.reason}", kind=plain(gap.kind))))
    if model.eager:
        st.info(t("facts_eager", model=plain(model.name)), icon=":material/lock:")


def show_shares(told: DeltaGenerator, run: Trace, selection: Selection) -> None:
    """How much of its weight each of two texts gives to each, in this head; or one to one, where that is chosen."""
    from attnviz.measures import is_pair, pair_shares

    if not is_pair(run):
        return
    shares = pair_shares(run, selection.layer, selection.head, rule=selection.rule).tolist()
    if selection.block is None:
        (aa, ab), (ba, bb) = shares
        told.caption(t("pair_shares", aa=f"{aa:.0%}", ab=f"{ab:.0%}", ba=f"{ba:.0%}", bb=f"{bb:.0%}"))
        return
    looks, other = selection.block
    told.caption(t("block_share", looks="AB"[looks], other="AB"[other], share=f"{shares[looks][other]:.0%}"))


def choose_writing(model: Model, request: RunRequest, place: DeltaGenerator, busy: DeltaGenerator) -> None:
    """How many tokens, and a button that lets the model write them, in a `place`; in `busy` stands how far it is."""
    if model.kind not in ("causal", "seq2seq"):
        return
    with place, st.popover(t("write"), icon=":material/edit:", width="stretch"):
        most = st.number_input(t("write_most"), 1, MOST_TOKENS, key=KEY + "most")
        asked_for = st.button(t("write_go"), key=KEY + "write", type="primary", width="stretch")
        written = KEY + "written" in st.session_state
        st.button(t("write_clear"), key=KEY + "clear", on_click=forget_written, disabled=not written, width="stretch")
    if asked_for:
        with busy:
            _write(model, request, int(most))


def collect() -> None:
    """Stop what an earlier run of the page is still writing, and keep what it has written."""
    writing = work.collect(KEY + "pen", PATIENCE)
    if writing is not None and writing.found is not None:
        _keep(writing.about, writing.found)


def _write(model: Model, request: RunRequest, most: int) -> None:
    """Write with the changes in force; a click on Stop keeps what has been written."""
    words = t("writing", model=plain(model.name))
    try:
        with (
            work.doing(KEY + "pen", request) as writing,
            work.watched(KEY + "stop", words, t("write_stop"), after=0) as bar,
        ):
            _let_write(model, writing, most, bar)
    except AttnvizError as error:
        st.error(error.say(language(), plain), icon=":material/info:")
        return
    collect()
    st.rerun()


def _let_write(model: Model, writing: work.Work, most: int, bar: work.Bar) -> None:
    """Write until the end, or until someone stops it."""
    from attnviz.recording.generate import generate

    def on_token(count: int, text: str) -> None:
        writing.tell(bar, count / most, lambda: t("writing_so_far", count=count, most=most, text=plain(text[-60:])))

    request = writing.about
    asked = choices.asked_of(request) | inside(request)
    writing.found = generate(model, most=most, on_token=on_token, stop=writing.stopped, **asked)


def _keep(request: RunRequest, trace: Trace) -> None:
    """Hold on to what was written, as the model read it."""
    encoded = (trace.encoded,) if trace.looked_at is None else (trace.looked_at, trace.encoded)
    st.session_state[KEY + "written"] = (request.origin(), encoded, trace.border)
