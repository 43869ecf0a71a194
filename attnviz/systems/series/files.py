"""A forecast as a table that other programs read; a forecaster as a folder that `av.load` opens again."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from dataclasses import asdict
from pathlib import Path

from attnviz.systems.series.system import Forecast, System


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


def save(system: System, folder: Path | str) -> Path:
    """Save a forecaster as a folder: config.json and model.safetensors. `av.load` and the page open it again.

    Hours that belong to it (those of ``air-beijing``) are not saved with it. Raises `OSError` where that cannot be.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for name, content in _contents(system).items():
        (place / name).write_bytes(content)
    return place


def zipped(system: System, folder: str) -> bytes:
    """The same as a ZIP file with one folder of that name in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as kept:
        for name, content in _contents(system).items():
            kept.writestr(f"{folder}/{name}", content)
    return file.getvalue()


def _contents(system: System) -> dict[str, bytes]:
    """The files of the folder by their names."""
    from safetensors.torch import save as stored

    config = {
        "system": "series", "series": system.name, "step": system.step, "shape": asdict(system.network.shape),
        "scale": asdict(system.scale),
    }  # fmt: skip
    weights = {name: one.detach().contiguous() for name, one in system.network.state_dict().items()}
    text = json.dumps(config, ensure_ascii=False, indent=2) + "\n"
    return {"config.json": text.encode(), "model.safetensors": stored(weights)}
