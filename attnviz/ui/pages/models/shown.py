"""What the models page shows: whose weights these are, what has no picture, and a text that the model writes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.ui import kit
from attnviz.ui.kit import SHARED, language, plain, t, work
from attnviz.ui.pages.models import choices, several, written
from attnviz.ui.pages.models.choices import KEY, MOST_TOKENS, RunRequest, inside, part_name

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace

PATIENCE = 20  # seconds for a token that is under way when the reader says stop


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


def choose_one(model: Model, request: RunRequest, changed: bool) -> None:
    """Of several choices: how probable each is, and a button that opens its map."""
    if model.kind != "choice":
        return
    typed = str(choices.choice_of("pair") or "")
    texts = several.lines(typed)
    if len(texts) < 2:
        st.caption(t("models.choices_hint"))
        return
    with st.spinner(t("running", model=plain(model.name)), show_time=True):
        found = several.weighed(
            texts, int(choices.choice_of("choice")),
            lambda text: choices.trace(replace(request.untouched(), pair=text)),
            lambda text: choices.trace(replace(request, pair=text)),
        )  # fmt: skip
    for number, one in enumerate(found):
        name, *bars = st.columns([6, 3, 3] if changed else [6, 6], vertical_alignment="center", gap="small")
        name.button(
            plain(one.text), key=f"{KEY}choice.{number}", on_click=_open_choice, args=(number,), width="stretch",
            type="primary" if one.open else "secondary", help=t("models.choice_help"),
        )  # fmt: skip
        for bar, when, share in zip(bars, ("col_before", "col_after"), (one.before, one.after), strict=False):
            bar.progress(share, text=f"{t(when)} {share:.3f}" if changed else f"{share:.3f}")
    if left := several.left_out(typed):
        st.caption(t("models.choices_cut", most=several.MOST, left=left))


def _open_choice(number: int) -> None:
    st.session_state[KEY + "choice"] = number


def choose_writing(model: Model, request: RunRequest, place: DeltaGenerator, busy: DeltaGenerator) -> None:
    """How many tokens, and a button that lets the model write them, in a `place`; in `busy` stands how far it is."""
    if model.kind not in ("causal", "seq2seq"):
        return
    with place, st.popover(t("write"), icon=":material/edit:", width="stretch"):
        most = st.number_input(t("write_most"), 1, MOST_TOKENS, key=KEY + "most")
        asked_for = st.button(t("write_go"), key=KEY + "write", type="primary", width="stretch")
        st.button(
            t("write_clear"), key=KEY + "clear", on_click=written.forget, disabled=not written.there(), width="stretch"
        )
    if asked_for:
        with busy:
            _write(model, request, int(most))


def collect() -> None:
    """Stop what an earlier run of the page is still writing, and keep what it has written."""
    writing = work.collect(KEY + "pen", PATIENCE)
    if writing is not None and writing.found is not None:
        written.keep(writing.found)
        st.session_state[SHARED + "query"] = writing.found.last  # what the model would say next


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
    from attnviz.text.tokens import encode

    def on_token(count: int, text: str) -> None:
        writing.tell(bar, count / most, lambda: t("writing_so_far", count=count, most=most, text=plain(text[-60:])))

    request = writing.about
    text = request.text if not request.pair else encode(request.text, model.tokenizer, model.limit, pair=request.pair)
    found = generate(model, text, most=most, on_token=on_token, stop=writing.stopped, **inside(request))
    writing.found = written.found(model, (request.name, request.revision, request.text, request.pair), found)
