"""Messages are values: an English template and the fields that fill it.

`str()` of a message is its English text, so command line, logs and JSON need nothing else. A front end translates the
*template* and fills in the fields, so that a name which a person chose is never looked up in a dictionary. A field
that is itself a `Message` is one of the package's own words and is translated too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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


def fill(template: str, fields: Mapping[str, object]) -> str:
    """The template with each `{name}` or `{name:format}` replaced by the field of that name."""

    def text(found: re.Match) -> str:
        name, form = found.groups()
        return format(fields[name], form or "") if name in fields else found[0]

    return _FIELD.sub(text, template)
