"""The frame of the attention page: where things stand, what it shows while it works, what it says when it cannot."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError, is_fault
from attnviz.ui import registry as kept
from attnviz.ui.kit import address, link
from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.charts import HEIGHT
from attnviz.ui.kit.language import article, language, t
from attnviz.ui.kit.panels import plain

ICON = Path(__file__).with_name("icon.png")  # a Material icon would be fetched from outside

LOG = logging.getLogger("attnviz")
DRAWN = choices.KEY + "drawn"

# Streamlit leaves 8 rem above the first line and 1 rem between elements; the main picture must fit into 900 pixels.
STYLE = """<style>
.block-container { padding: 3.5rem 1.6rem 1rem; max-width: 1700px; }
[data-testid="stVerticalBlock"] { gap: 0.45rem; }
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-testid="stMarkdownContainer"] table { font-size: 0.85rem; margin-bottom: 0.4rem; }
[data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
[data-testid="stMarkdownContainer"] :is(td, th) { padding: 0.1rem 0.45rem; }
[data-testid="stSidebarUserContent"] :is(td, th) { padding: 0.05rem 0.3rem; font-weight: normal; }
[data-testid="stSidebarHeader"] { height: 1.2rem; padding-bottom: 0; margin-bottom: 0; }
[data-testid="stSidebarNavItems"] { padding-top: 0; }
[data-testid="stSidebarNavSeparator"] { margin: 0.3rem 0 0; }
[data-testid="stSidebarUserContent"] { padding-top: 0.4rem; padding-bottom: 1rem; }
.st-key-address, .st-key-address-texts { display: none; }
@media (max-width: 640px) { .block-container { padding: 3.75rem 0.8rem 1rem; } }
</style>"""


@dataclass(frozen=True)
class Places:
    """Where each part of the page is drawn."""

    box: DeltaGenerator
    notice: DeltaGenerator
    text: DeltaGenerator
    head_pickers: DeltaGenerator
    heads: DeltaGenerator
    cell_pickers: DeltaGenerator
    cells: DeltaGenerator
    why: DeltaGenerator
    prediction: DeltaGenerator
    bought: DeltaGenerator
    take: DeltaGenerator
    controls: DeltaGenerator

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """Say what is being done while the model loads and runs; keep the places of pictures not yet drawn."""
        with ExitStack() as stack:
            with self.notice:
                stack.enter_context(st.spinner(t("running", model=plain(name)), show_time=True))
            for place in (self.heads, self.cells):
                held = place.empty()
                if DRAWN not in st.session_state:  # later the last pictures stay until the new ones are there
                    stack.enter_context(held.skeleton(height=HEIGHT))
            yield
        st.session_state[DRAWN] = True


def start() -> None:
    """What every page begins with: the language of the link, the style; choices of the other pages stay as they are."""
    speak()
    link.keep(kept.params())
    st.html(STYLE)


def speak() -> None:
    """The language of the link, or the reader's where it names none."""
    link.restore({"lang": choices.PARAMS["lang"]}, st.query_params.to_dict())
    if st.session_state["lang"] is None:
        st.session_state["lang"] = language()


def controls(places: Places) -> None:
    """Everything that asks for a choice and does not depend on the run. Drawn after the pictures, which come first."""
    with places.box:
        choices.choose_text()
    with places.controls:
        choices.choose_model()
        choices.choose_rule()
        choices.choose_scope()
        choices.choose_look()


def heading(
    title: str = "title", look: str = "what_to_look_for", params: Mapping[str, link.Param] = choices.PARAMS
) -> None:
    """What the page asks, and what to look for; its choices back from the link."""
    speak()
    st.markdown(f"**{t(title)}** &ensp;<small>{t(look)}</small>", unsafe_allow_html=True)
    address.come(params)


def frame() -> Places:
    """The empty places of the page, in the order they are read."""
    box, notice, text = st.container(), st.container(), st.container()
    left, middle, side = st.columns([10, 12, 8], gap="medium")
    with left:
        head_pickers, heads = st.container(), st.container()
    with middle:
        cell_pickers, cells = st.container(), st.container()
    with side:
        why, take = st.container(), st.container()
    prediction = st.container()
    with st.sidebar:
        asked, bought = st.container(), st.container()
        with st.popover(t("how_title"), icon=":material/help:", width="stretch"):
            st.markdown(article("attention"))
    return Places(
        box, notice, text, head_pickers, heads, cell_pickers, cells, why, prediction, bought, take, asked
    )  # fmt: skip


@contextmanager
def reader_errors(place: DeltaGenerator | None = None) -> Iterator[None]:
    """A reader's mistake is one sentence in the reader's language; anything else is ours: one sentence, and the log."""
    try:
        yield
    except BaseException as error:
        if not is_fault(error):  # Ctrl-C, and Streamlit's own way to stop a page or run it anew
            raise
        with place or st.container():
            tell(error)


def tell(error: BaseException) -> None:
    """Say in one sentence what went wrong; what the reader cannot mend stands whole in the log, under a short code."""
    if isinstance(error, AttnvizError):
        st.error(error.say(language(), plain), icon=":material/info:")
        return
    code = token_hex(3)
    LOG.error("fault %s on a page", code, exc_info=error)
    st.error(t("fault", code=code), icon=":material/report:")


def done(params: Mapping[str, link.Param] = choices.PARAMS) -> None:
    """Write the choices into the link."""
    address.leave(params)
