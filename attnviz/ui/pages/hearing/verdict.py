"""What the page on speech says first: what was done to the sound, what the model writes or names, what a change did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import SOFT, bar_cell, cell_table, joined, language, plain, rule_title, t
from attnviz.ui.pages.hearing import choices, ears, run, told

if TYPE_CHECKING:
    from attnviz.models import HearingModel
    from attnviz.sounds import Sound
    from attnviz.systems.speech.system import Said
    from attnviz.trace import Trace
    from attnviz.ui.pages.hearing.run import Request
    from attnviz.ui.pages.hearing.told import Told

FEW = 5  # labels
LEAST = 0.2  # seconds: no sound that the model of digits learnt from was shorter
BAR = 5  # rem of a probability of 1


def notes(request: Request, sound: Sound) -> None:
    """What was done to the sound: channels put together, cut to what the model reads; and what the picture is."""
    model, heard = run.foreign(request.name), run.heard(request, sound)
    said = [note.say(language(), plain) for note in sound.notes]
    said += [] if model is None else [note.say(language(), plain) for note in model.notices]
    if model is None and sound.seconds - heard.seconds > 0.01:
        said.append(t("hearing.cut", whole=f"{sound.seconds:.1f}", read=f"{heard.seconds:.1f}"))
    if model is not None and (part := run.part_of(request, sound)).count > 1:
        end = part.begin + part.sound.seconds
        numbers = {"count": part.count, "number": part.number + 1, "begin": f"{part.begin:.1f}", "end": f"{end:.1f}"}
        said.append(t("hearing.windows", whole=f"{sound.seconds:.1f}", **numbers))
    if sound.rate != heard.rate:
        said.append(t("hearing.rate", rate=sound.rate, read=heard.rate))
    if not heard.samples.any():
        said.append(t("hearing.silent"))
    elif model is None and heard.seconds < LEAST:
        said.append(t("hearing.short", least=LEAST))
    if model is not None:
        said.append(_picture(request, sound, model))
    if said:
        st.caption(joined(said))


def _picture(request: Request, sound: Sound, model: HearingModel) -> str:
    """Which spectrogram is drawn, and how long each place of it is."""
    name, columns = plain(request.name), run.columns(request, sound)
    bands = len(run.loud(request, sound))
    found = [t("hearing.drawn_own" if ears.own_spectrogram(model) else "hearing.drawn_wave", model=name, bands=bands)]
    if columns.each > 1:
        long = columns.seconds[0][1] - columns.seconds[0][0]
        found.append(t("hearing.grouped", count=columns.each, seconds=f"{long:.2f}"))
    if columns.heights:
        found.append(t("hearing.patches", count=len(columns.seconds)))
    return joined(found)


def say_words(runs: tuple[Trace, Trace], request: Request, said: Said | None) -> None:
    """First of all: what is written down, whether it is right, and what a change made of it."""
    model = run.foreign(request.name)
    if model is not None:
        _say_foreign(runs, request, said, model)
        return
    first, after = (told.told(one, said) for one in runs)
    found = [_written(first, request)]
    if said is not None:
        words = {"wrong": first.wrong, "missed": len(first.missed), "said": "".join(map(str, said.digits))}
        found.append(t("hearing.right") if first.whole else t("hearing.not_right", **words))
    if request.changed:
        same, how = first.digits == after.digits, _how(runs[1], request)
        found.append(t("hearing.still" if same else "hearing.now", how=how, words=_said(after)))
    st.markdown(joined(found))


def _say_foreign(runs: tuple[Trace, Trace], request: Request, said: Said | None, model: HearingModel) -> None:
    """What a model of the Hub or a folder writes, spells or names."""
    kind, name = run.kind(request.name), plain(request.name)
    if kind == "answer" and runs[0].answer is not None:
        st.markdown(_named(runs, request))
        st.html(_table(runs[0], runs[1], request.changed))
        return
    if kind in ("none", "answer"):
        found = [t("hearing.says_nothing", model=name)]
        found += [t("hearing.changed", how=_how(runs[1], request))] if request.changed else []
        st.markdown(joined(found))
        return
    first, after = (_text(one, model) for one in runs)
    found = [t(f"hearing.says_{kind}" if first else "hearing.says_empty", model=name, words=_bold(first))]
    if kind == "tokens" and not request.most and len(runs[0].queries) >= ears.MOST:
        found.append(t("hearing.stopped", count=ears.MOST))
    if said is not None:
        found.append(t("hearing.voice_says", said="".join(map(str, said.digits))))
    if request.changed:
        how = _how(runs[1], request)
        found.append(t("hearing.still" if first == after else "hearing.now", how=how, words=_bold(after)))
    st.markdown(joined(found))


def _text(trace: Trace, model: HearingModel) -> str:
    """What was written down or spelt."""
    if model.writes:
        return told.written_text(trace)
    return told.spelt(told.rows_of(trace, model), not model.spells)


def _bold(text: str) -> str:
    return f"**{plain(text)}**" if text else t("hearing.nothing")


def _named(runs: tuple[Trace, Trace], request: Request) -> str:
    """The likeliest label of the whole sound, as it is and as it was changed."""
    (label, share), (now, chance) = (_best(one) for one in runs)
    words = {"model": plain(request.name), "label": plain(label), "share": f"{share:.1%}"}
    if not request.changed:
        return t("hearing.names", **words)
    after = {"told": plain(now), "chance": f"{chance:.1%}", "how": _how(runs[1], request)}
    return t("hearing.names_still" if now == label else "hearing.names_now", **words, **after)


def _best(trace: Trace) -> tuple[str, float]:
    found: Any = trace.answer
    best: tuple[str, float] = found.best(0, 1)[0]
    return best


def _table(before: Trace, after: Trace, changed: bool) -> str:
    """The likeliest labels of both runs with their probabilities."""
    from attnviz.measures import candidates

    named = [t("col_before"), t("col_after")] if changed else [t("hearing.probability")]
    rows = []
    for label, first, second in candidates(before, after, 0, FEW)[:FEW]:
        shown = [("before", first), ("after", second)] if changed else [("after", first)]
        rows.append((label, [bar_cell(share, name, BAR) for name, share in shown]))
    return cell_table([t("col_label"), *named], rows)


def _written(found: Told, request: Request) -> str:
    """What a run of the model of digits wrote down."""
    name = "hearing.writes" if found.digits else "hearing.writes_nothing"
    return t(name, model=plain(request.name), words=_said(found))


def _said(found: Told) -> str:
    """The words in bold; or that there are none."""
    words = [plain(one.text) for one in found.words if one.digit is not None]
    return t("hearing.nothing") if not words else f"**{('' if choices.spoken() == 'zh' else ' ').join(words)}**"


def _how(after: Trace, request: Request) -> str:
    """What was changed, in a few words."""
    found = [] if request.rule == SOFT else [t(f"hearing.how_rule_{request.scope}", rule=plain(rule_title(after.rule)))]
    found += [t("hearing.how_ahead")] if request.ahead else []
    found += [t("hearing.how_without", count=len(request.without))] if request.without else []
    if request.hidden:
        found.append(t("hearing.how_noise" if request.noise else "hearing.how_silence", count=len(request.hidden)))
    return t("hearing.comma").join(found)
