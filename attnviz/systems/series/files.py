"""A forecast as a table that other programs read."""

from __future__ import annotations

import csv
import io
import math

from attnviz.systems.series.system import Forecast


def forecast_csv(forecast: Forecast, factor: float = 1.0) -> bytes:
    """Each coming step with its quantiles and what came, "" where that is not known; divided by `factor`.

    >>> from attnviz.systems.series.system import load
    >>> forecast_csv(load("air-beijing").forecast("2014-02-20 08:00")).splitlines()[0]
    b'\\xef\\xbb\\xbftime,q10,q50,q90,came'
    """
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["time", "q10", "q50", "q90", "came"])
    axis, window = forecast.window.queries, forecast.window
    times = axis.starts or axis.labels
    for time, said, came in zip(times, forecast.values.tolist(), window.came.tolist(), strict=True):
        known = "" if math.isnan(came) else f"{came / factor:.6g}"
        rows.writerow([time, *(f"{one / factor:.6g}" for one in said), known])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def means_csv(forecast: Forecast) -> bytes:
    """Each coming step with the mean that a model expects and what came; with the ends of its interval, the quantiles
    0.1 and 0.9 of draws, where it gives one. "" where it is not known what came.
    """
    text, window = io.StringIO(), forecast.window
    rows = csv.writer(text, lineterminator="\n")
    wide = not bool(forecast.values[:, 0].isnan().any())
    rows.writerow(["time", *(["q10", "mean", "q90"] if wide else ["mean"]), "came"])
    times = window.queries.starts or window.queries.labels
    for time, said, came in zip(times, forecast.values.tolist(), window.came.tolist(), strict=True):
        known = "" if math.isnan(came) else f"{came:.6g}"
        rows.writerow([time, *(f"{one:.6g}" for one in (said if wide else said[1:2])), known])
    return b"\xef\xbb\xbf" + text.getvalue().encode()
