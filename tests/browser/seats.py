"""Tabs of one Chromium for one person after the other: warm, and with nothing left of who sat there before."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

USUAL: dict[str, object] = {"locale": "en-US", "accept_downloads": True}
WIDE: dict[str, int] = {"width": 1440, "height": 900}
EMPTY = "_stcore/health"  # a page of the server's own without scripts, from which nothing runs on
FORGET = "() => { localStorage.clear(); sessionStorage.clear(); }"


@dataclass
class Seats:
    """Tabs by their settings, each for one person at a time; what a person leaves there is cleared.

    A new tab is a new process, and compiles Streamlit's and Plotly's nine megabytes of scripts again: 6.9 s of a
    processor for the first page of attention, 3.3 s in a tab that has shown it before, 2.3 s in the headless shell.
    Nobody here wants motion: Streamlit's grey bars, which stand where something is still to come, shimmer sixty times a
    second, and to paint that took most of the time of a page: 8.5 s of a processor that others use too, 1.7 s without.
    """

    browser: Browser
    free: dict[str, list[Page]] = field(default_factory=dict)

    def take(self, address: str, context: dict[str, object]) -> Page:
        """An empty tab with these settings where nobody sits."""
        settings = {**USUAL, **context}
        viewport, scheme = settings.pop("viewport", WIDE), settings.pop("color_scheme", "light")
        seats = self.free.setdefault(_key(address, context), [])
        page = seats.pop() if seats else self._new(address, settings)
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        return page

    def _new(self, address: str, settings: dict[str, object]) -> Page:
        context = self.browser.new_context(**settings)  # type: ignore[arg-type]
        context.set_default_timeout(60_000)
        page = context.new_page()
        _empty(page, address)
        return page

    def leave(self, page: Page, address: str, context: dict[str, object]) -> None:
        """Close what the person opened beside it, and forget what they kept and where they were."""
        for other in page.context.pages:
            if other != page:
                other.close()
        _empty(page, address)
        page.context.clear_cookies()
        self.free[_key(address, context)].append(page)


def _key(address: str, context: dict[str, object]) -> str:
    """Who may sit in the same tab: width and colours are the page's, and a file's page is another process."""
    settings = {name: value for name, value in context.items() if name not in ("viewport", "color_scheme")}
    return f"{urlsplit(address).scheme} {sorted({**USUAL, **settings}.items())}"


def _empty(page: Page, address: str) -> None:
    """A tab without a history and a page's memory, in the same process as the pages of this address."""
    if address.startswith("http"):
        page.goto(f"{address}/{EMPTY}")
        page.evaluate(FORGET)
    else:
        page.goto("about:blank")
    talk = page.context.new_cdp_session(page)
    talk.send("Page.resetNavigationHistory")
    talk.detach()
