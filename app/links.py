"""The link: settings in it are checked once, when a page opens; `hide` takes controls away for a class.

A page's settings are kept while another page is open.
"""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st
from controls import CONTROLS, HIDDEN, MORE, Control
from texts import plain, say

from titans_mini.errors import ConfigError

PANELS = ("more", "gallery", "numbers", "pin", "player", "text", "formula", "chart", "recall", "downloads", "code")
NAMES = (*CONTROLS, *PANELS)


class Page(NamedTuple):
    """What a link to one page may set and hide."""

    name: str
    controls: dict[str, Control]
    panels: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]  # panel -> the controls that go with it

    @property
    def names(self) -> set[str]:
        """All that `hide` may name."""
        return {*self.controls, *self.panels}


SIMULATOR = Page("simulator", CONTROLS, PANELS, {"more": tuple(control.name for control in MORE)})


def hidden() -> frozenset[str]:
    """The controls and panels of the open page that the link hides."""
    page, names = st.session_state.page, set(_hide_list())
    return frozenset(names & page.names).union(*(page.groups.get(name, ()) for name in names))


def open_link(page: Page = SIMULATOR) -> None:
    """When a page opens: takes the link's settings over, and drops with one line what cannot be used.

    A page that was open before in this session comes back with its settings, and what is hidden stays hidden.
    """
    state = st.session_state
    came = "page" not in state or state.page.name != page.name
    if state.get("opened") == page.name and not came:
        return  # before that, a run may have been cut short and its settings lost
    first = "opened" not in state
    state.page, hide = page, state.get("hide")
    if hide and "hide" not in st.query_params:
        st.query_params["hide"] = hide
    state.hide = st.query_params.get_all("hide")
    values, problems, bad = _read_link(page, strict=first)
    state.link_problems = problems if came else state.link_problems + problems
    state[HIDDEN] = {}
    if not first:  # else widgets of the same name would take over what they were on the other page
        defaults = {name: control.default for name, control in page.controls.items()}
        values = defaults | state.kept.get(page.name, {}) | values
    state.setdefault("kept", {})
    put(values)
    if bad:
        for name in bad:
            del st.query_params[name]
        st.rerun()  # the widgets read the mended link


def problem_line() -> str | None:
    """What was wrong with the link, in one line of Markdown."""
    problems = st.session_state.get("link_problems")
    return say("bad_link", problems="; ".join(problems)) if problems else None


def values() -> dict:
    """The settings of the open page."""
    state, controls = st.session_state, st.session_state.page.controls
    return {name: state.get(name, state[HIDDEN].get(name, controls[name].default)) for name in controls}


def keep() -> None:
    """Once the page's controls are drawn: remembers its settings for when it is opened again."""
    state = st.session_state
    state.opened = state.page.name
    state.kept[state.opened] = values()


def restart(values: dict, *forget: str) -> None:
    """Sets controls anew; drops what the session holds under `forget`, and the lines about the link."""
    put(values)
    for name in forget:
        st.session_state.pop(name, None)
    st.session_state.link_problems = []


def put(values: dict) -> None:
    """Sets controls from code: the widget's value, or for a hidden control its kept value and the link.

    None leaves it to the page to find the value before it draws the widget.
    """
    gone, controls = hidden(), st.session_state.page.controls
    for name, value in values.items():
        if name not in gone:
            st.session_state[name] = value
            continue
        st.session_state[HIDDEN][name] = value
        if value != controls[name].default:
            st.query_params[name] = controls[name].spell(value)
        elif name in st.query_params:
            del st.query_params[name]


def _hide_list() -> list[str]:
    given = [part.strip() for text in st.query_params.get_all("hide") for part in text.split(",")]
    return list(dict.fromkeys(part for part in given if part))


def _read_link(page: Page, *, strict: bool) -> tuple[dict, list[str], list[str]]:
    """(values that can be used, problems as Markdown, names to take out of the link).

    Names that mean nothing to this page are a problem where `strict`; else they are left over from another page.
    """
    values, problems, bad = {}, [], []
    for name in st.query_params:
        if name == "hide":
            continue
        try:
            if name not in page.controls:
                if strict:
                    raise ConfigError(say("unknown", name=repr(name[:40])))
                continue
            text, longest = st.query_params[name], page.controls[name].longest
            values[name] = page.controls[name].read(text if len(text) <= longest else text[:longest] + "…")
        except ConfigError as error:
            problems.append(plain(error))
            bad.append(name)
    unknown = [name for name in _hide_list() if strict and name not in page.names]
    problems += [plain(say("unknown_hide", name=repr(name[:40]))) for name in unknown]
    return values, problems[:5] + ["…"] * (len(problems) > 5), bad
