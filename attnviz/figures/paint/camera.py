"""The camera above a picture: which file it gives, and its words, which Plotly has in English alone."""

from __future__ import annotations

from attnviz.messages import say

WORDS = {  # Plotly's own sentences, each with the message that is said in its place
    "Download plot as a PNG": "camera_png",
    "Preparing image - this may take a few seconds": "camera_busy",
    "Image download succeeded": "camera_done",
    "Sorry, there was a problem downloading your image!": "camera_failed",
}


def camera(language: str) -> dict[str, object]:
    """Plotly's settings for a picture with a camera, which saves a PNG at three times the size and says so.

    >>> camera("en")["locale"]
    'en'
    """
    words = {theirs: say(f"figure.{ours}", language) for theirs, ours in WORDS.items()}
    return {
        "displaylogo": False,
        "scrollZoom": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "scale": 3, "filename": "attnviz"},
        "locale": language,
        "locales": {language: {"dictionary": words}},
    }
