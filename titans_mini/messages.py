"""Messages are values: an English template and the fields that fill it.

`str()` of a message is its English text, so command line, logs and JSON need nothing else. A front end translates the
*template* and fills in the fields, so that a name which a person chose is never looked up in a dictionary. A field
that is itself a `Message` is one of the package's own words and is translated too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_FIELD = re.compile(r"(?<!%)\{(\w+)(?::([^{}]*))?\}")  # %{...} belongs to plotly


class Message(str):
    """A template with named fields in braces, filled in: `Message("{name} is empty", name="text")`.

    A field may have a format specification, `{share:.0%}`. Braces around a name that is no field stay as they are.
    """

    template: str
    fields: Mapping[str, object]

    def __new__(cls, template: str, /, **fields: object) -> Message:
        message = super().__new__(cls, fill(template, fields))
        message.template, message.fields = template, fields
        return message


def listed(words: Sequence[Message]) -> Message:
    """Words of the package in a row, with commas between them, each of which is translated."""
    if len(words) == 1:
        return words[0]
    return Message("{first}, {rest}", first=words[0], rest=listed(words[1:]))


def fill(template: str, fields: Mapping[str, object]) -> str:
    """The template with each `{name}` or `{name:format}` replaced by the field of that name."""

    def text(found: re.Match) -> str:
        name, form = found.groups()
        return format(fields[name], form or "") if name in fields else found[0]

    return _FIELD.sub(text, template)
