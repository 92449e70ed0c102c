"""The words on a finished figure, replaced in the dict that plotly makes of it; its numbers stay as they are."""

from __future__ import annotations

from collections.abc import Callable

Phrase = Callable[[str], str]

# Keys of a figure's dict whose strings are read; where an axis has categories, these are words on the curves too.
WORDS = {"text", "hovertemplate", "hovertext", "texttemplate", "ticktext", "prefix", "suffix"}
WORDS |= {"x", "y", "categoryarray", "tickvals"}


def translated(spec: dict, phrase: Phrase) -> dict:
    """A figure's dict, whose words are replaced in place."""
    for trace in spec["data"]:
        trace |= {"name": phrase(trace["name"])} if trace.get("name") else {}
        _walk(trace, phrase)
    _walk(spec["layout"], phrase)
    return spec


def _walk(part: dict, phrase: Phrase) -> None:
    for key, value in part.items():
        if isinstance(value, dict):
            if key != "template":
                _walk(value, phrase)
        elif key in WORDS:
            part[key] = _each(value, phrase)
        elif isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, dict):
                    _walk(item, phrase)


def _each(value: object, phrase: Phrase) -> object:
    """A text, or all texts in a list of them."""
    if isinstance(value, str):
        return phrase(value)
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], (str, list)):
        return [_each(item, phrase) for item in value]
    return value
