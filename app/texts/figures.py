"""The words on a finished figure in the session's language; its numbers stay as they are."""

from __future__ import annotations

from plotly.basedatatypes import BaseFigure

from . import DEFAULT, language
from .phrases import phrase

# Keys of a figure's dict whose strings are read; where an axis has categories, these are words on the curves too.
WORDS = {"text", "hovertemplate", "hovertext", "texttemplate", "ticktext", "prefix", "suffix"}
WORDS |= {"x", "y", "categoryarray", "tickvals"}


class _Spoken(BaseFigure):
    """A figure of which only `to_dict` is asked, as Streamlit does: nothing in it is checked or copied again."""

    def __init__(self, spec: dict) -> None:
        self._spec = spec

    def to_dict(self) -> dict:
        return self._spec


def spoken(figure: BaseFigure) -> BaseFigure:
    """The figure itself in English; else one that draws the same with its words translated."""
    tongue = language()
    return figure if tongue == DEFAULT else _Spoken(translated(figure.to_dict(), tongue))


def translated(spec: dict, tongue: str) -> dict:
    """A figure's dict, whose words are replaced in place."""
    for trace in spec["data"]:
        trace |= {"name": phrase(trace["name"], tongue)} if trace.get("name") else {}
        _walk(trace, tongue)
    _walk(spec["layout"], tongue)
    return spec


def _walk(part: dict, tongue: str) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            if key != "template":
                _walk(value, tongue)
        elif key in WORDS:
            part[key] = _each(value, tongue)
        elif isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, dict):
                    _walk(item, tongue)


def _each(value: object, tongue: str) -> object:
    """A text, or all texts in a list of them."""
    if isinstance(value, str):
        return phrase(value, tongue)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (str, list)):
        return [_each(item, tongue) for item in value]
    return value
