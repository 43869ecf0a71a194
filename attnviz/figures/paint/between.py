"""Colours between colours, for what paints without Plotly, and how they stand out against each other."""

from __future__ import annotations

from collections.abc import Sequence

Channels = tuple[int, ...]  # red, green and blue, 0 to 255
INKS = ("#000000", "#ffffff")


def channels(colour: str) -> Channels:
    """Red, green and blue of #rrggbb.

    >>> channels("#0a0b0c")
    (10, 11, 12)
    """
    return tuple(bytes.fromhex(colour[1:]))


def on_ramp(ramp: Sequence[str], place: float) -> Channels:
    """The colour at a place of a ramp of evenly spaced colours, 0 to 1; what lies outside takes the nearest end.

    >>> on_ramp(("#000000", "#646464", "#ffffff"), 0.25)
    (50, 50, 50)
    """
    at = min(max(place, 0.0), 1.0) * (len(ramp) - 1)
    low = min(int(at), len(ramp) - 2)
    ends = zip(channels(ramp[low]), channels(ramp[low + 1]), strict=True)
    return tuple(round(a + (b - a) * (at - low)) for a, b in ends)


def mixed(ramp: Sequence[str], place: float) -> str:
    """The same colour as #rrggbb.

    >>> mixed(("#000000", "#ffffff"), 0.5)
    '#808080'
    """
    return "#" + bytes(on_ramp(ramp, place)).hex()


def luminance(colour: str) -> float:
    """How much light does a colour give, 0 to 1? Relative luminance (WCAG 2)."""
    parts = [part / 255 for part in channels(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.1).

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    bright, dim = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def legible(ground: str) -> str:
    """Black or white, whichever stands out more: on any ground that is at least 4.58 (WCAG 2.1 asks for 4.5).

    >>> legible("#174f8a")
    '#ffffff'
    """
    return max(INKS, key=lambda ink: contrast(ink, ground))
