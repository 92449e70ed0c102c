"""What the tests of all labs share."""

from __future__ import annotations

import ipywidgets


def check_controls(lab) -> None:
    """Every control of a lab is shown in its panel and says what it does."""
    controls = lab.controls.values() if isinstance(lab.controls, dict) else lab.controls
    shown = _inside(lab.panel)
    for widget in (*controls, lab.guess, lab.reveal):
        assert isinstance(widget, ipywidgets.DOMWidget) and widget.tooltip and widget in shown


def _inside(widget) -> list:
    found = [widget]
    for child in getattr(widget, "children", ()):
        found += _inside(child)
    return found
