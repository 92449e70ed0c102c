"""The session's language: first from its link or else from the browser, later from the switch that is always shown."""

import links
import streamlit as st
from texts import LANGUAGE, language, say

from titans_course.language import DEFAULT, LANGUAGES

PARAMETER, SWITCH = "lang", "language_switch"


def choose() -> None:
    """Sets the language when a session begins, and keeps it in the link, which a change of the page empties.

    The link is silent where an English browser gets English by itself; a language that does not exist is left
    for the page to complain of.
    """
    state, given = st.session_state, st.query_params.get(PARAMETER)
    if LANGUAGE not in state:
        wanted = _of_browser() if given is None else given
        state[LANGUAGE] = wanted if wanted in LANGUAGES else DEFAULT
        if wanted not in LANGUAGES:
            return
    if given != language() and not (given is None and language() == _of_browser() == DEFAULT):
        st.query_params[PARAMETER] = language()


def show_switch() -> None:
    """Both languages, each under its own name; the style sheet puts them into the header."""
    st.session_state[SWITCH] = language()
    st.segmented_control(
        say("language"), list(LANGUAGES), format_func=LANGUAGES.get, required=True, key=SWITCH, help=say("language?"),
        on_change=_switch, label_visibility="collapsed",
    )  # fmt: skip


def _switch() -> None:
    """Callback: switches to the other language and keeps all settings."""
    if st.session_state[SWITCH] not in LANGUAGES:
        return
    st.session_state[LANGUAGE] = st.query_params[PARAMETER] = st.session_state[SWITCH]
    if "page" in st.session_state:
        links.put(links.values())


def _of_browser() -> str:
    """The language of the app that fits the browser's: 'zh-CN' and all other Chinese get Chinese."""
    tongue = (st.context.locale or "").lower().partition("-")[0]
    return tongue if tongue in LANGUAGES else DEFAULT
