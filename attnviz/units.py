"""Where `groups` stood before `attnviz.text.units`; scripts that import it from here go on working."""

from attnviz.text.units import UNITS, Unit, groups

__all__ = ["UNITS", "Unit", "groups"]
