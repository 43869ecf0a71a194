"""What `/_stcore/metrics` tells of this app beside what Streamlit tells: people, queue, memory, times.

Only where the settings open it (`headers.py`). Nothing of it is of a person: sums alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from streamlit.runtime.stats import CounterStat, GaugeStat, Stat

GAUGES = {
    "attnviz_people": "sessions that somebody sits at",
    "attnviz_heavy_running": "heavy runs that have their turn",
    "attnviz_heavy_waiting": "heavy runs that wait for it",
    "attnviz_memory_bytes": "models and runs that are kept, runs under way as forecast, all that the process holds",
}
COUNTERS = {"attnviz_runs": "computations that are over", "attnviz_run_milliseconds": "what they took together"}


@dataclass(frozen=True)
class Figures:
    """A provider for Streamlit's own metrics. `now` gives the numbers: by family, or by family and what they are of."""

    now: Callable[[], Mapping[str, int | Mapping[str, int]]]

    @property
    def stats_families(self) -> Sequence[str]:
        """The names."""
        return (*GAUGES, *COUNTERS)

    def get_stats(self, family_names: Sequence[str] | None = None) -> Mapping[str, Sequence[Stat]]:
        """The numbers of the families that are asked for."""
        found = self.now()
        return {
            name: _stats(name, found[name])
            for name in self.stats_families
            if family_names is None or name in family_names
        }


def _stats(name: str, value: int | Mapping[str, int]) -> list[Stat]:
    if name in COUNTERS:
        assert isinstance(value, int)
        return [CounterStat(name, value, help=COUNTERS[name])]
    each = {"": value} if isinstance(value, int) else value
    return [GaugeStat(name, size, {"of": of} if of else None, help=GAUGES[name]) for of, size in each.items()]
