"""The words on widgets: a lab's texts in a language that may change, and how a widget takes them."""

from __future__ import annotations

import plotly.graph_objects as go

from .. import chinese
from . import texts

INSTALL = "pip install 'titans-mini[notebooks]'"
try:
    import ipywidgets as w
    from IPython.display import display
    from ipywidgets.widgets.widget_selection import _Selection as Selection
except ImportError as error:
    raise ImportError(f"labs need ipywidgets; run: {INSTALL}") from error

__all__ = ["INSTALL", "Words", "display", "rename", "roomy", "values_of", "w", "word"]
LABEL = "6.6rem"  # room for a control's label, "architecture" and its like
WIDE = "19rem"  # a control with its label


class Words:
    """The texts of one lab: `words("size", size=9)`. `constants` fill blanks that are the same in all its texts."""

    def __init__(self, lab: str, language: str | None = None, **constants: object) -> None:
        self.lab, self.language, self.constants = lab, texts.choose(language), constants

    def __call__(self, key: str, /, **values: object) -> str:
        return texts.say(self.language, self.lab, key, **self.constants, **values)

    def __contains__(self, key: str) -> bool:
        return texts.pair(self.lab, key) is not None

    def translate(self, phrase: str) -> str:
        """A sentence that the package says in English."""
        return texts.translate(self.language, phrase)

    def translate_figure(self, figure: go.Figure) -> go.Figure:
        """The figure itself in English; else one that draws the same with its words translated."""
        if self.language == "en":
            return figure
        return go.Figure(chinese.translated(figure.to_dict(), chinese.phrase))

    def about(self, group: str, name: str, english: str) -> str:
        """What the package says of a name of a group; `english` are its own words."""
        return english if self.language == "en" else chinese.about(group, name, english)


def word(widget: w.DOMWidget, key: str, words: Words) -> None:
    """Gives a widget label, help, hint and names of options from its texts; its value stays."""
    with widget.hold_sync():
        if key in words:
            widget.description = words(key)
        widget.tooltip = words(f"{key}?")
        if isinstance(widget, w.Text):
            widget.placeholder = words(f"{key}:hint")
        if isinstance(widget, Selection):
            names = {value: f"{key}={value}" for value in values_of(widget)}
            if all(name in words for name in names.values()):
                rename(widget, {value: words(name) for value, name in names.items()})


def values_of(widget: Selection) -> list:
    """What can be chosen."""
    return [option[1] if isinstance(option, tuple) else option for option in widget.options]


def rename(widget: Selection, labels: dict) -> None:
    """Other labels (value -> label) for what can be chosen; what is chosen stays, though observers hear of it."""
    chosen = widget.value
    with widget.hold_sync():  # a browser hears of the end alone
        widget.options = [(label, value) for value, label in labels.items()]
        widget.value = chosen


def roomy(widget: w.DOMWidget) -> w.DOMWidget:
    """The widget with room for the longest label of either language."""
    widget.style.description_width = LABEL
    widget.layout.width = widget.layout.width or WIDE
    widget.layout.max_width = "100%"
    return widget
