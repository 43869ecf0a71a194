"""What the models page shows: whose weights these are, what has no picture, and a text that the model writes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError
from attnviz.messages import say
from attnviz.ui import kit
from attnviz.ui.kit import SHARED, language, plain, t, work
from attnviz.ui.pages.models import changes, choices, several, written
from attnviz.ui.pages.models.choices import (
    KEY,
    MOST_TOKENS,
    RunRequest,
    change_title,
    inside,
    part_name,
)
from attnviz.ui.pages.models.languages import choose_languages

if TYPE_CHECKING:
    from attnviz.measures import RankedHead
    from attnviz.models import Model
    from attnviz.selection import Selection, Style
    from attnviz.trace import Trace

PLACES = ("all", "layer", "head")  # where a change acts
FIRST = 8  # heads that the list of the first in an order names
PATIENCE = 20  # seconds for a token that is under way when the reader says stop


def choose_pair(model: Model, place: DeltaGenerator) -> None:
    """A second text, read with the first as one; blank: none. Of a model for multiple choice several, one a line."""
    if model.kind == "choice":
        place.text_area(
            t("models.choices"), key=KEY + "pair", help=t("models.choices_help", most=several.MOST), height=110,
            placeholder=t("models.choices_placeholder"),
        )  # fmt: skip
        return
    place.text_input(
        t("pair"), key=KEY + "pair", help=t("pair_help"), placeholder=t("pair_placeholder"), on_change=_forget_blank
    )  # fmt: skip


def _forget_blank() -> None:
    """A blank belongs to the texts that it was made in."""
    st.session_state[SHARED + "blank"] = None


def choose_reading(model: Model) -> None:
    """How the text is read, where the model asks for more: in which language, as a chat, after what it has written."""
    choose_languages(model)
    if model.chats or choices.choice_of("chat"):  # of a model without a template, to be taken back
        st.toggle(t("prompts.chat"), key=KEY + "chat", help=t("prompts.chat_help"), on_change=_forget_blank)
    if model.kind == "seq2seq" and not written.there():
        st.text_input(t("target"), key=KEY + "target", help=t("target_help"), placeholder=t("target_placeholder"))


def draw_heads(run: Trace, selection: Selection, style: Style) -> None:
    """All heads, and below them what they are ranked by."""
    order = choices.ranked(run, selection)
    kit.draw_grid(run, selection, style, [head.place for head in order])
    _show_ranking(order)


def draw_head(run: Trace, selection: Selection, style: Style, model: Model, request: RunRequest) -> None:
    """The open head, which follows the slider of its rule, below what chooses a pair in it."""
    kit.choose_cell(run, by=selection.by)
    kit.draw_heatmap(run, selection, style)
    whose = (model.name, choices.scope(model)) if selection.by == "token" else None
    kept = kit.runs.key_of("models", (request, run.part), request.name, request.revision)
    kit.follow_slider(run, selection, style, kit.rule_now(), whose, kept)
    if choices.scope(model) != "run":  # the press then changes no more than how the weights of this run are drawn
        kit.foresee_rules(lambda _: run, selection, style, whose, kept)


def _show_ranking(order: Sequence[RankedHead]) -> None:
    """What the heads are ranked by, and the first of them with their numbers; a click opens one."""
    choices.choose_ranking()
    by = choices.ranking_now()
    if by == choices.NUMBER:
        return
    if not order:
        st.caption(t("rank_none"))
        return
    first = {head.place: f"{head.layer}.{head.head} · {head.value:.2f}" for head in order[:FIRST]}
    kit.offer_samples(KEY + "top", list(first), _open_head, label=t("rank_top"), format_func=first.__getitem__)
    about = by if by in ("entropy", "focus", "reach") else "share"
    st.caption(f"{t(f'rank_about_{about}')} {t('rank_sorted')}")


def _open_head(place: tuple[int, int]) -> None:
    """A head of the list was clicked."""
    st.session_state[SHARED + "layer"], st.session_state[SHARED + "head"] = place


def explain(
    model: Model, before: Trace, run: Trace, selection: Selection, style: Style, again: Callable[[], Trace] | None
) -> None:
    """Beside the picture: why the chosen weight is what it is, what can be taken away, and what can be changed."""
    from attnviz.figures import choose

    first = before.map(run.part)
    found, unchanged = choose.pair(run, selection), choose.pair(first, selection)
    forbidden = math.isnan(found.weight) and not math.isnan(unchanged.weight)
    by_unit = selection.by != "token"
    cell, rule = selection.explained(run), kit.as_rule(kit.rule_now())
    with st.container(key=kit.WHY):
        kit.show_why(
            cell, rule, model.name, choices.scope(model), forbidden=forbidden, pair=found if by_unit else None
        )  # fmt: skip
        if not (found.alone or math.isnan(found.weight)):
            kit.show_tokens_of(run, selection, found)
        kit.show_sink(run, selection)
    kit.take_away(run, selection, style, again=again)
    _choose_changes(run, selection, locked=model.eager)


def _choose_changes(run: Trace, selection: Selection, *, locked: bool) -> None:
    """Buttons that change something about the open head, edge or token; none that acts where the model is `locked`."""
    layer, head = selection.layer, selection.head
    st.markdown(f"**{t('change_title')}**")
    st.session_state.setdefault(KEY + "where", "all")
    scope = st.segmented_control(
        t("change_where"), PLACES, format_func=lambda name: t(f"change_in_{name}"), key=KEY + "where", required=True,
        wrap=True, help=t("change_where_help"), width="stretch", disabled=locked, label_visibility="collapsed",
    )  # fmt: skip
    (query, looks), (key, seen) = _chosen_units(run, selection)
    prefix = "" if run.part == "self" else f"{run.part}:"
    where = {"all": "", "layer": f"@{layer}", "head": f"@{layer}.{head}"}[scope or "all"]
    offers = {
        "remove_head": f"{prefix}-{layer}.{head}",
        "keep_head": f"{prefix}={layer}.{head}",
        "forbid": f"{prefix}{query}>{key}{where}",
        "hide": f"{'decoder:' if run.part == 'decoder' else ''}~{key}{where.split('.')[0]}",
    }
    tokens = {"query": plain(looks), "key": plain(seen)}
    in_force = changes.chosen()
    places = [*st.columns(2, gap="small"), st.container(), st.container()]
    for place, (name, code) in zip(places, offers.items(), strict=True):
        about = t(f"change_{name}_help", layer=layer, head=head, **tokens)
        against = changes.against(code, in_force)
        if against is not None:
            about = t("change_contradicts", other=plain(change_title(against, run)))
        place.button(
            t(f"change_{name}_button", **tokens), key=KEY + name, on_click=_add, args=(code,), width="stretch",
            help=about, disabled=locked or code in in_force or against is not None,
        )  # fmt: skip


def _chosen_units(run: Trace, selection: Selection) -> list[tuple[str, str]]:
    """The query and the key that are chosen, each as a code names its tokens and as it is called."""
    found = []
    for axis, place in zip((run.queries, run.keys), selection.cell or (0, 0), strict=True):
        units = axis.grouped(selection.by)
        unit = units.of[place]
        found.append((changes.named(units.places[unit]), units.labels[unit]))
    return found


def show_changes(trace: Trace | None, before: Trace | None) -> None:
    """The changes in force, each with a way to take it back; of those that change nothing in `before` that is said."""
    codes = changes.chosen()
    if not codes:
        return
    st.session_state[KEY + "chips"] = list(codes)
    st.multiselect(
        t("changes"), codes, key=KEY + "chips", format_func=lambda code: change_title(code, trace), on_change=_take_back
    )
    for code in [] if before is None else changes.idle(codes, before):
        st.caption(t("change_idle", change=plain(change_title(code, trace))))


def _add(code: str) -> None:
    """One more change; a change of the run shows only where the model runs with it."""
    st.session_state[KEY + "changes"] = ";".join([*changes.chosen(), code])
    st.session_state[SHARED + "scope"] = "run"


def _take_back() -> None:
    """What was left in the list: its entries travel as the words that they are shown in, so only known ones count."""
    left = st.session_state[KEY + "chips"]
    st.session_state[KEY + "changes"] = ";".join(code for code in changes.chosen() if code in left)


def show_change(before: Trace, after: Trace, run: Trace, selection: Selection, style: Style) -> None:
    """What the model says, after the last token of a word where a word is chosen, and where a change acts inside the
    run, the open head before and after it.
    """
    units = run.queries.grouped(selection.by)
    kit.show_effect(before.map(run.part), run, units.places[units.of[selection.query]][-1])
    if after is not before:
        kit.draw_change(before.map(run.part), run, selection, style)


def counted(count: int, language: str) -> str:
    """A large number as readers of the language count, Chinese ones by ten thousands.

    >>> counted(2_716_000, "en"), counted(2_716_000, "zh"), counted(494_000_000, "zh")
    ('2.7 million', '272 万', '4.9 亿')
    """
    few, many = (1e4, 1e8) if language == "zh" else (1e6, 1e9)
    name, unit, digits = ("many", many, 1) if count >= many else ("few", few, 0 if language == "zh" else 1)
    return say(f"ui.counted_{name}", language, count=f"{count / unit:,.{digits}f}")


def show_facts(model: Model, run: Trace) -> None:
    """Whose weights these are."""
    parts = [
        t("facts_map", part=part_name(part), layers=len(run.map(part).open_layers), heads=run.map(part).n_heads)
        for part in run.parts
    ]
    size = counted(model.parameters, language())
    from attnviz.adapter.machine import short

    machine, stored = model.machine, model.stored
    numbers = plain(machine.numbers)
    st.caption(
        t("facts", model=plain(model.name), kind=t(f"kind_{model.kind}"), size=size, maps=t("listed").join(parts))
    )
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
        st.caption(
            t("facts_gap", layers=t("listed").join(numbers), reason=t(f"gap.{gap.reason}", kind=plain(gap.kind)))
        )
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
        st.session_state[SHARED + "key"] = None  # the strongest of its row


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
    asked = choices.asked_of(request)
    found = generate(model, most=most, on_token=on_token, stop=writing.stopped, **asked, **inside(request))
    writing.found = written.found(model, request.origin(), asked, found)
