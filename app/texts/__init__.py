"""All strings that people read, by language and key; `say(key, ...)` fills one in."""

from __future__ import annotations

import re

from .english import TEXTS as ENGLISH

LANGUAGE = "en"

TEXTS: dict[str, dict[str, str]] = {"en": ENGLISH}

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!$:<>~|&])")


def say(key: str, **values: object) -> str:
    """The text of `key` in the chosen language, with `values` filled in."""
    return TEXTS[LANGUAGE][key].format(**values)


def plain(text: object, limit: int = 200) -> str:
    """Anything from outside as Markdown that shows just itself, on one line and cut at `limit` characters."""
    line = " ".join(str(text).split())
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _SPECIAL.sub(r"\\\1", line)
