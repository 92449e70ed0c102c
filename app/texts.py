"""What people read, in the session's language, from the catalogues that app, labs and notebooks share.

The language belongs to the session; outside of a session it is English.
"""

import re

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from titans_course import language as languages
from titans_course.language import DEFAULT, Say

FRONT_END = "app"  # the catalogues' context for the texts of the pages
LANGUAGE = "language"  # where the session holds it

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!$:<>~|&])")
# Markdown turns these into links even if escaped; an invisible joiner after them prevents that.
_LINK = re.compile(r"(https?:(?=//)|www(?=\.)|@)", re.IGNORECASE)
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # control characters, turns of direction


def language() -> str:
    """The language of the session that asks."""
    if get_script_run_ctx(suppress_warning=True) is None:
        return DEFAULT
    return st.session_state.get(LANGUAGE, DEFAULT)


def say(key: str, /, **fields: object) -> str:
    """The text of `key` with its fields filled in. KeyError for a key that no catalogue has."""
    return languages.say(FRONT_END, key, language(), **fields)


def option(control: str, name: object) -> str:
    """The label of one of a control's choices: its name, where the language has no word for it."""
    return languages.option(control, name, language())


def about(group: str, name: str, english: str) -> str:
    """What the package says about a name of a group; `english` are its own words."""
    return languages.about(group, name, english, language())


def speaker() -> Say:
    """The `say=` that figures take, in the session's language."""
    return languages.speaker(language())


def told(text: object) -> str:
    """A message of the package, or an error that carries one, in the session's language.

    Any other text is returned unchanged: it may be something that a visitor typed.
    """
    return languages.tell(text, language())


def quoted(text: object, limit: int = 200) -> str:
    """What `told` says, as Markdown that shows just itself, cut at `limit` characters."""
    return plain(told(text), limit)


def plain(text: object, limit: int = 200) -> str:
    """Anything from outside as Markdown that shows just itself, on one line and cut at `limit` characters."""
    line = _UNSEEN.sub("", " ".join(str(text).split()))
    line = line if len(line) <= limit else line[: limit - 1] + "…"
    return _SPECIAL.sub(r"\\\1", _LINK.sub("\\1\u2060", line))
