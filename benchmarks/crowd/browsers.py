"""The few of a class who sit at real browsers: from a click to the frame in which the picture has changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.async_api import Browser, Error, Page, async_playwright

from benchmarks.app_speed import CLICK, FLAGS, PICTURE, chromium
from benchmarks.crowd.people import MARK

READY = f"() => document.querySelector({PICTURE!r})"


@dataclass
class Sitting:
    """One person at a Chromium of their own."""

    number: int
    address: str
    page: Page | None = None
    soft: bool = True
    leaks: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    async def come(self, browser: Browser) -> float:
        """Open the attention page with a text of one's own; seconds until its heatmap stands."""
        context = await browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
        self.page = await context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"browser: {error}"))
        link = f"{self.address}/?lang=en&model=lab-4&text=mark{self.number:03d}x%20chased%20the%20cat%20and%20slept"
        await self.page.goto(link, wait_until="commit")
        await self.page.wait_for_function(READY, timeout=240_000)
        return float(await self.page.evaluate("performance.now()")) / 1000

    async def act(self) -> float:
        """Press the other rule; seconds until the heatmap shows it."""
        assert self.page is not None
        self.soft = not self.soft
        taken = await self.page.evaluate(CLICK, ["Soft" if self.soft else "Hard", PICTURE])
        found = set(MARK.findall((await self.page.content()).encode()))
        if others := found - {f"{self.number:03d}".encode()}:
            self.leaks.append(f"browser {self.number} saw {sorted(others)}")
        return float(taken) / 1000


class Browsers:
    """So many Chromiums; a context manager, since each is a program."""

    def __init__(self, count: int, port: int, first: int) -> None:
        self.sitting = [Sitting(first + number, f"http://localhost:{port}") for number in range(count)]

    async def __aenter__(self) -> list[tuple[Sitting, Any]]:
        self._play = await async_playwright().start()
        program = chromium("chromium-headless-shell")
        self._opened = [await self._play.chromium.launch(executable_path=program, args=FLAGS) for _ in self.sitting]
        return list(zip(self.sitting, self._opened, strict=True))

    async def __aexit__(self, *_: object) -> None:
        for one in self._opened:
            try:
                await one.close()
            except Error as error:
                print(f"a browser did not close: {error}")
        await self._play.stop()
