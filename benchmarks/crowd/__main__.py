"""Can a class of fifty use one server at once?

    python -m benchmarks.crowd [--people 50] [--browsers 3] [--minutes 10] [--acting 30] [--at-once 12] [--no-long]

People come twelve at once, each with texts, a rule, a model and pages of their own: most as websockets that speak
Streamlit's protocol, a few as real Chromiums. Then `--acting` of them do something every ten seconds; in the middle one
gives a text of 5,000 words to a network of GPT-2's size with room for 8,192 tokens (random numbers). Prints how long
people wait, whether anyone saw another's text or rule, what the log says went wrong, the resident memory every 20 s,
and, a minute after all have left, what stays. What stands behind `--` goes to the server.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy

from benchmarks.crowd.browsers import Browsers, Sitting
from benchmarks.crowd.guest import Guest
from benchmarks.crowd.people import TEXTS, Person
from benchmarks.crowd.watch import Server, serving

EVERY = 10.0  # seconds between two acts of one person
WORDS = 5_000
GONE = 60  # seconds after the last has left, when memory is looked at again


@dataclass
class Times:
    """When an act was begun, how many seconds it took, and on which page; the seconds of arrivals, wave by wave."""

    acts: list[tuple[float, float, str]] = field(default_factory=list)
    clicks: list[tuple[float, float, str]] = field(default_factory=list)
    arrivals: list[list[float]] = field(default_factory=list)
    long: tuple[float, float, str] = (0.0, 0.0, "not asked for")


async def class_of(server: Server, asked: argparse.Namespace, folder: Path) -> None:
    """The whole lesson, and its report."""
    times, people = Times(), [Person(number, Guest(server.port)) for number in range(asked.people - asked.browsers)]
    memory = asyncio.create_task(server.watch())
    async with Browsers(asked.browsers, server.port, len(people)) as browsers:
        for start in range(0, len(people), asked.at_once):
            wave = people[start : start + asked.at_once]
            times.arrivals.append(list(await asyncio.gather(*(one.come() for one in wave))))
        seated = await asyncio.gather(*(one.come(browser) for one, browser in browsers))
        print(f"real browsers, heatmap stands: {_seconds(seated)}", flush=True)
        end = time.monotonic() + asked.minutes * 60
        acting = people[: max(asked.acting - asked.browsers, 0)]
        waiting = [_acting(one, times.acts, end, place / max(len(acting), 1)) for place, one in enumerate(acting)]
        waiting += [_acting(one, times.clicks, end, 0.5) for one, _ in browsers]
        if asked.long:
            waiting.append(_long(server, folder, times, asked.minutes * 60 / 3))
        await asyncio.gather(*waiting)
        await asyncio.gather(*(one.guest.leave() for one in people))
    _report(server, times, people, [one for one, _ in browsers])
    await asyncio.sleep(GONE)
    memory.cancel()
    print(f"{GONE} s after all have left: {server.look():,.0f} MB resident")


async def _acting(one: Person | Sitting, times: list[tuple[float, float, str]], end: float, first: float) -> None:
    """Do something every ten seconds, the first time after that share of them."""
    due = time.monotonic() + first * EVERY
    while due < end:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        begun = time.monotonic()
        took = await one.act()
        times.append((begun, took, (isinstance(one, Person) and one.page) or "attention"))
        due = max(due + EVERY, time.monotonic())


async def _long(server: Server, folder: Path, times: Times, after: float) -> None:
    """One more, with the long text."""
    await asyncio.sleep(after)
    words = " ".join(TEXTS).split()[:WORDS]
    guest, begun = Guest(server.port), time.monotonic()
    seen = await guest.come("models", {"lang": "en", "id": str(folder), "text": " ".join(words)})
    times.long = (begun, time.monotonic(), " ".join((*seen.faults, *seen.said))[:300] or "read")
    await guest.leave()


def _report(server: Server, times: Times, people: Sequence[Person], browsers: Sequence[Sitting]) -> None:
    print(f"open, {len(times.arrivals[0])} at once: {_seconds(times.arrivals[0])}")
    print(f"open, all: {_seconds([one for wave in times.arrivals for one in wave])}")
    print(f"repaint: {_seconds([taken for _, taken, _ in times.acts])}")
    for page in sorted({page for _, _, page in times.acts}):
        print(f"  {page}: {_seconds([taken for _, taken, on in times.acts if on == page])}")
    print(f"a click in a browser: {_seconds([taken for _, taken, _ in times.clicks])}")
    begun, done, said = times.long
    if done:
        beside: dict[bool, list[float]] = {True: [], False: []}
        for at, taken, _ in (*times.acts, *times.clicks):
            beside[begun < at + taken and at < done].append(taken)
        print(f"{WORDS:,} words took {done - begun:.1f} s: {said}")
        print(f"repaint beside them: {_seconds(beside[True])}\nrepaint without: {_seconds(beside[False])}")
    leaks = [one for person in (*people, *browsers) for one in person.leaks]
    faults = [one for person in (*people, *browsers) for one in person.faults]
    print(f"leaks: {len(leaks)}", *leaks[:10], f"faults on pages: {len(faults)}", *faults[:10], sep="\n  ")
    wrong = server.wrong()
    print(f"wrong in the log: {len(wrong)} {sorted(map(str, set(wrong)))[:10]}", flush=True)


def _seconds(times: Sequence[float]) -> str:
    """How many, and the seconds that half, 95 of 100, and the slowest took."""
    if not times:
        return "none"
    late = numpy.quantile(times, 0.95, method="higher")
    return f"{len(times)}, median {statistics.median(times):.2f} s, p95 {late:.2f} s, slowest {max(times):.2f} s"


def save_long(folder: Path) -> None:
    """A network of GPT-2's size with room for 8,192 tokens; a letter is a token."""
    from benchmarks.memory import save_gpt2

    save_gpt2(folder, tokens=8_192)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--people", type=int, default=50, help="all, browsers among them")
    ask.add_argument("--browsers", type=int, default=3)
    ask.add_argument("--minutes", type=float, default=10)
    ask.add_argument("--acting", type=int, default=30, help="how many do something every ten seconds")
    ask.add_argument("--at-once", type=int, default=12, help="how many arrive at the same moment")
    ask.add_argument("--no-long", dest="long", action="store_false", help="nobody brings a text of 5,000 words")
    ask.add_argument("--log", type=Path, help="keep the server's log there")
    ask.add_argument("options", nargs="*", help="handed to the server, behind --")
    asked = ask.parse_args()
    logging.disable(logging.WARNING)  # of a library without its server, which is another process
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "long"
        if asked.long:
            save_long(folder)
        with serving(asked.log or Path(place) / "log.txt", asked.options) as server:
            print(f"ready: {server.look():,.0f} MB resident", flush=True)
            asyncio.run(class_of(server, asked, folder))


if __name__ == "__main__":
    main()
