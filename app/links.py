"""The link: settings in it are checked once, when the page opens; `hide` takes controls away for a class."""

from __future__ import annotations

import streamlit as st
from controls import CONTROLS, HIDDEN, MORE
from texts import plain, say

from titans_mini.errors import ConfigError

PANELS = ("more", "gallery", "numbers", "pin", "player", "text", "formula", "chart", "recall", "downloads", "code")
NAMES = (*CONTROLS, *PANELS)


def hidden() -> frozenset[str]:
    """The controls and panels that the link hides."""
    names = frozenset(_hide_list())
    return names & set(NAMES) | {control.name for control in MORE if "more" in names}


def open_link() -> None:
    """On the session's first run: takes the link's settings over, and drops with one line what cannot be used."""
    state = st.session_state
    if "link_problems" in state:
        return
    values, problems, bad = _read_link()
    state.link_problems, state[HIDDEN] = problems, {}
    put(values)
    if bad:
        for name in bad:
            del st.query_params[name]
        st.rerun()  # the widgets read the mended link


def problem_line() -> str | None:
    """What was wrong with the link, in one line of Markdown."""
    problems = st.session_state.get("link_problems")
    return say("bad_link", problems="; ".join(problems)) if problems else None


def put(values: dict) -> None:
    """Sets controls from code: the widget's value, or for a hidden control its kept value and the link."""
    gone = hidden()
    for name, value in values.items():
        if name not in gone:
            st.session_state[name] = value
            continue
        st.session_state[HIDDEN][name] = value
        if value != CONTROLS[name].default:
            st.query_params[name] = CONTROLS[name].spell(value)
        elif name in st.query_params:
            del st.query_params[name]


def _hide_list() -> list[str]:
    given = [part.strip() for text in st.query_params.get_all("hide") for part in text.split(",")]
    return list(dict.fromkeys(part for part in given if part))


def _read_link() -> tuple[dict, list[str], list[str]]:
    """(values that can be used, problems as Markdown, names to take out of the link)."""
    values, problems, bad = {}, [], []
    for name in st.query_params:
        if name == "hide":
            continue
        try:
            if name not in CONTROLS:
                raise ConfigError(say("unknown", name=repr(name[:40])))
            text = st.query_params[name]
            values[name] = CONTROLS[name].read(text if len(text) <= 40 else text[:40] + "…")
        except ConfigError as error:
            problems.append(plain(error))
            bad.append(name)
    problems += [plain(say("unknown_hide", name=repr(name[:40]))) for name in _hide_list() if name not in NAMES]
    return values, problems[:5] + ["…"] * (len(problems) > 5), bad
