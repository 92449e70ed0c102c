"""All strings that people read, by language and key; `say(key, ...)` fills one in.

The language belongs to the session; outside of a session it is English.
"""

from __future__ import annotations

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from .chinese import OPTIONS as CHINESE_OPTIONS
from .chinese import TEXTS as CHINESE
from .english import TEXTS as ENGLISH

TEXTS: dict[str, dict[str, str]] = {"en": ENGLISH, "zh": CHINESE}
OPTIONS: dict[str, dict[str, dict[str, str]]] = {"en": {}, "zh": CHINESE_OPTIONS}
DEFAULT = "en"
LANGUAGE = "language"  # where the session holds it

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!$:<>~|&])")
# What Markdown makes a link of without being asked to, escaped or not: an invisible joiner after it prevents that.
_LINK = re.compile(r"(https?:(?=//)|www(?=\.)|@)", re.IGNORECASE)
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # control characters, turns of direction


def language() -> str:
    """The language of the session that asks."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return DEFAULT
    return st.session_state.get(LANGUAGE, DEFAULT)


def say(key: str, **values: object) -> str:
    """The text of `key` in the session's language, with `values` filled in."""
    return TEXTS[language()][key].format(**values)


def option(control: str, name: object) -> str:
    """One of a control's choices as it is shown: by its name, where the language has no word for it."""
    return OPTIONS[language()].get(control, {}).get(name, str(name))


def plain(text: object, limit: int = 200) -> str:
    """Anything from outside as Markdown that shows just itself, on one line and cut at `limit` characters."""
    line = _UNSEEN.sub("", " ".join(str(text).split()))
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _SPECIAL.sub(r"\\\1", _LINK.sub("\\1\u2060", line))
