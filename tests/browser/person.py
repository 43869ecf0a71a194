"""What a person sees and does: open a page, point, click, read, download."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import ConsoleMessage, Download, Error, Locator, Request, WebSocket, expect

from attnviz.messages import LANGUAGES, table
from attnviz.ui.server.first_visit import SEEN
from tests.browser.seats import Seats

LOOK = 50  # milliseconds between two looks at a page: to look at every frame makes Chromium draw them all
PATIENCE = 240  # seconds, for the slowest single step: a cold server that loads the engine on a busy machine
expect.set_options(timeout=60_000)
FAULT = re.compile("|".join(re.escape(table(language)["ui.fault"].split("{")[0].strip()) for language in LANGUAGES))
OWN, LOCAL = ("localhost", "127.0.0.1"), ("data", "blob", "file")

READY = """() => {
  const charts = (name) => [...document.querySelectorAll(`.st-key-attention-${name} .js-plotly-plot`)];
  const reader = document.querySelector('.st-key-attention-reader [data-testid="stBidiComponentIsolated"]');
  return document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
    && document.documentElement.dataset.clicks  // the script that hears clicks on charts has been loaded
    && reader?.shadowRoot?.querySelector('.face')  // it pushes the charts down when it comes
    && ['grid', 'heatmap'].every((name) => charts(name).length === 1 && charts(name)[0]._fullData?.length); }"""
READ = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
  && document.documentElement.dataset.clicks && ['lean', 'head0', 'head1'].every((name) =>
    document.querySelector(`.st-key-readings-${name} .js-plotly-plot`)?._fullData?.length)"""
REST = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'
  && !document.querySelector('[data-testid="stSkeleton"], [data-testid="stSpinner"]')
  && document.querySelector('[data-testid="stMain"] [data-testid="stMarkdownContainer"]')
  && [...document.querySelectorAll('[data-testid="stPlotlyChart"]')]
    .every((one) => one.querySelector('.js-plotly-plot')?._fullData?.length)"""
LINK = """(wanted) => Object.entries(wanted).every(([name, value]) =>
  new URLSearchParams(location.search).get(name) === value)"""
PLACE = """(chart, place) => {
  const [cells, points] = chart._fullData, layout = chart._fullLayout, box = chart.getBoundingClientRect();
  const aim = points && points.customdata ? points : cells;  // a tile of the grid, or a cell of the heatmap
  const [across, down] = ['x', 'y'].map((axis) => layout[`${axis}axis${aim[`${axis}axis`].slice(1)}`]);
  const width = cells.z[0].length;
  const [x, y] = aim === points ? [points.x[place], points.y[place]] : [place % width, Math.floor(place / width)];
  return [box.left + across._offset + across.c2p(x), box.top + down._offset + down.c2p(y)];
}"""
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
CELLS = "(chart) => Array.from(chart._fullData[0].z, (row) => Array.from(row))"


class Visit:
    """One person with a tab of their own, who was here before unless it is the `first` time.

    `faults` are errors of the page, `urls` all that it asked for.
    """

    def __init__(self, seats: Seats, address: str, *, first: bool = False, **context: object) -> None:
        self.address, self.first = address, first
        self.seats, self.settings = seats, context
        self.page = seats.take(address, context)
        self.context = self.page.context
        if not first and address.startswith("http"):
            self.context.add_cookies([{"name": SEEN, "value": "1", "url": address}])
        self.urls: list[str] = []
        self.faults: list[str] = []
        self.frames = 0
        self.ears = {"request": self._ask, "pageerror": self._fail, "console": self._hear, "websocket": self._meet}
        for event, ear in self.ears.items():
            self.page.on(event, ear)  # type: ignore[call-overload]

    def _ask(self, request: Request) -> None:
        self.urls.append(request.url)

    def _fail(self, error: Error) -> None:
        self.faults.append(f"page error: {error}")

    def _hear(self, message: ConsoleMessage) -> None:
        asked = message.location.get("url", "")
        if message.type == "error" and "/_stcore/" not in asked:  # Streamlit looks for itself under a page's path first
            self.faults.append(f"console: {message.text} {asked}")

    def _meet(self, socket: WebSocket) -> None:
        self.urls.append(socket.url)
        socket.on("framesent", self._count)

    def _count(self, _: object) -> None:
        self.frames += 1

    def open(self, link: dict[str, str], name: str = "") -> Visit:
        """Go to the page of that name and wait until it stands."""
        path = f"/{name}" + ("?" + urlencode(link) if link else "")
        self.page.goto(self.address + ("" if path == "/" else path), wait_until="domcontentloaded")
        if self.address.startswith("http"):
            self.ready("lesson" if self.first and path == "/" else name)
        return self

    def ready(self, name: str = "") -> None:
        """Wait until the charts of a page are drawn and nothing is being computed."""
        test = {"": READY, "models": READY, "readings": READ}.get(name, REST)
        self.page.wait_for_function(test, timeout=PATIENCE * 1000, polling=LOOK)

    def leave(self) -> None:
        """Leave the page. What went wrong on it and was no mistake of the reader stands there as a sentence."""
        self.faults += self.page.get_by_text(FAULT).all_inner_texts()
        for event, ear in self.ears.items():
            self.page.remove_listener(event, ear)
        self.seats.leave(self.page, self.address, self.settings)

    def strangers(self) -> list[str]:
        """What was asked of another machine."""
        parts = [(url, urlsplit(url)) for url in self.urls]
        return [url for url, part in parts if part.scheme not in LOCAL and part.hostname not in OWN]

    def part(self, name: str) -> Locator:
        """A control or chart by its name, as in heatmap (of the attention page) or readings-lean."""
        return self.page.locator(self.place(name))

    def place(self, name: str) -> str:
        """How the page's document names it."""
        return f".st-key-{name if name.startswith('readings-') else 'attention-' + name}"

    def says(self, text: str) -> Locator:
        """Text that must come to stand on the page."""
        found = self.page.get_by_text(text).first
        found.wait_for()
        return found

    def link_says(self, **expected: str | None) -> None:
        """Wait until the address says so; None: the address is silent about it."""
        self.page.wait_for_function(LINK, arg=expected, polling=LOOK)

    def chart(self, name: str) -> Locator:
        """Plotly's own element of the grid or the heatmap."""
        return self.part(name).locator(".js-plotly-plot").first  # for a moment a new chart stands beside the old

    def cells(self, name: str = "heatmap") -> list[list[float]]:
        """The numbers of a chart's cells."""
        return self.chart(name).evaluate(CELLS)

    def wait_for_cells(self, test: str, arg: object = None, name: str = "heatmap") -> list[list[float]]:
        """Wait until a chart's cells `z` pass a test written in JavaScript, which may name `arg`."""
        self.page.wait_for_function(
            "([selector, arg]) => { const chart = document.querySelector(selector);"
            f" const z = chart && ({CELLS})(chart); return z && ({test}); }}",
            arg=[f"{self.place(name)} .js-plotly-plot", arg],
            polling=LOOK,
        )
        return self.cells(name)

    def click_point(self, name: str, place: int) -> None:
        """Point at a chart's `place`-th tile or cell until the chart answers, then click."""
        self.chart(name).scroll_into_view_if_needed()
        x, y = self._place(name, place)
        self.page.mouse.move(x - 1, y - 1)  # of the same cell: Plotly may answer to this move only
        self.page.mouse.move(x, y)
        self.chart(name).locator(".hoverlayer .hovertext").first.wait_for()
        self.page.mouse.click(x, y)

    def _place(self, name: str, place: int) -> tuple[float, float]:
        """Where a tile or a cell stands, once it has come to rest."""
        before, now = None, self.chart(name).evaluate(PLACE, place)
        while before != now:
            self.page.evaluate(FRAMES)
            before, now = now, self.chart(name).evaluate(PLACE, place)
        return now[0], now[1]

    def choose(self, control: str, words: str) -> None:
        """Press one of the buttons of a control."""
        self.part(control).get_by_text(words, exact=True).click()

    def face(self, place: int) -> Locator:
        """A token of the reader."""
        return self.page.locator(".reader .face").nth(place)

    def colours(self) -> list[str]:
        """The grounds of all tokens of the reader, as this moment shows them."""
        return self.page.locator(".reader .face").evaluate_all("(all) => all.map((face) => face.style.background)")

    def shares(self) -> list[str]:
        """The weights written under the tokens of the reader."""
        return self.page.locator(".reader .weight").all_inner_texts()

    def download(self, label: str, folder: Path) -> Path:
        """Click and take the file that comes."""
        with self.page.expect_download() as waiting:
            self.page.get_by_role("button", name=label).click()
        found: Download = waiting.value
        path = folder / found.suggested_filename
        found.save_as(path)
        return path
