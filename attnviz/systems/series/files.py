"""A forecast as a table that other programs read."""

from __future__ import annotations

import csv
import io
import math

from attnviz.systems.series.system import Forecast


def forecast_csv(forecast: Forecast, factor: float = 1.0, middle: str = "q50") -> bytes:
    """Each coming step with its quantiles and what came, "" where that is not known; divided by `factor`.

    `middle` is what the column between the ends of the interval is called; it stands alone where there is none.

    >>> from attnviz.systems.series.system import load
    >>> forecast_csv(load("air-beijing").forecast("2014-02-20 08:00")).splitlines()[0]
    b'\\xef\\xbb\\xbftime,q10,q50,q90,came'
    """
    text, window = io.StringIO(), forecast.window
    rows = csv.writer(text, lineterminator="\n")
    wide = forecast.has_interval
    rows.writerow(["time", *(["q10", middle, "q90"] if wide else [middle]), "came"])
    times = window.queries.starts or window.queries.labels
    for time, said, came in zip(times, forecast.values.tolist(), window.came.tolist(), strict=True):
        known = "" if math.isnan(came) else f"{came / factor:.6g}"
        rows.writerow([time, *(f"{one / factor:.6g}" for one in (said if wide else said[1:2])), known])
    return b"\xef\xbb\xbf" + text.getvalue().encode()
