"""The link: settings in it are checked once, when a page opens; `hide` takes controls away for a class.

A page's settings are kept while another page is open.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import streamlit as st
from controls import CONTROLS, HIDDEN, MORE, TOKEN, Control, keep_in_link
from texts import plain, say, told

from titans_course.language import LANGUAGES
from titans_mini.errors import ConfigError, check_choice

SHOWN = ("tape", "tell", "numbers", "pin", "player", "text", "formula", "chart")
PANELS = ("tour", "more", "gallery", *SHOWN, "recall", "downloads", "code")
NAMES = (*CONTROLS, *PANELS)
ARRIVED = "arrived_with"  # in the session: settings of a page that the next run draws
MOST_PROBLEMS = 6  # of a link, that are listed


class Page(NamedTuple):
    """What a link to one page may set and hide, and what a reset clears."""

    name: str
    settings: tuple[Control, ...]
    panels: tuple[str, ...]
    groups: Mapping[str, tuple[Control, ...]] = {}  # panel -> the controls that are hidden with it
    forget: tuple[str, ...] = ()  # names that a reset drops from the session
    derived: tuple[str, ...] = ()  # controls that follow from the others, which a reset leaves to the page

    @property
    def controls(self) -> dict[str, Control]:
        """The controls by name."""
        return {control.name: control for control in self.settings}

    @property
    def defaults(self) -> dict:
        """The page's own settings."""
        return {control.name: control.default for control in self.settings}

    @property
    def names(self) -> set[str]:
        """All that `hide` may name; the button of the tour is on each page."""
        return {"tour", *self.defaults, *self.panels}


# A reset takes run A away, puts the cursor where the page puts it, and forgets a visitor's own text.
SIMULATOR = Page(
    "simulator", (*CONTROLS.values(), TOKEN), PANELS, {"more": MORE}, forget=("pinned", "cursor", "source", "paste")
)


def hidden() -> frozenset[str]:
    """The controls and panels of the open page that the link hides."""
    page, names = st.session_state.page, hide_list()
    grouped = (control.name for name in names for control in page.groups.get(name, ()))
    return frozenset(page.names.intersection(names)).union(grouped)


def open_link(page: Page = SIMULATOR, brought: Callable[[], dict] = dict) -> frozenset[str]:
    """When a page opens: applies the link's settings, and drops unusable ones with one line that says so.

    A page that was open before in this session returns with its settings, and hidden controls stay hidden.
    Returns what the link hides.
    """
    state = st.session_state
    came = "page" not in state or state.page.name != page.name
    if state.get("opened") == page.name and not came:
        return hidden()  # before that, a run may have been cut short and its settings lost
    first = "opened" not in state
    state.page, hide = page, state.get("hide")
    if hide and "hide" not in st.query_params:
        st.query_params["hide"] = hide
    state.hide = st.query_params.get_all("hide")
    values, bad = state.pop(ARRIVED, None), []
    if values is None:
        values, problems, bad = _read_link(page, strict=first)
        state.link_problems = problems if came else state.link_problems + problems
        if not first:  # else widgets of the same name would take their values from the other page
            values = page.defaults | state.kept.get(page.name, {}) | (values or came and brought() or {})
    state[HIDDEN] = {}
    state.setdefault("kept", {})
    put(values)
    for name in bad:
        del st.query_params[name]
    if came and not first:
        _arrive(page, values)
    if bad or came and not first:
        st.rerun()  # the widgets read the corrected link
    return hidden()


def _arrive(page: Page, values: dict) -> None:
    """Lets the next run draw a page that comes after another: with these values, and without settings in the link.

    After the browser's Back, Streamlit would draw the widgets from the link only, from which it has removed every name
    that the previous page also has. In the next run the widgets write their values into the link.
    """
    st.session_state[ARRIVED] = values
    names = [name for name in st.query_params if name not in page.controls]
    st.query_params.from_dict({name: st.query_params.get_all(name) for name in names})


def problem_line() -> str | None:
    """The problems of the link, in one line of Markdown."""
    problems = list(dict.fromkeys(st.session_state.get("link_problems", ())))  # a corrected link is read twice
    if not problems:
        return None
    said = [plain(told(text) if key == "error" else say(key, name=text)) for key, text in problems[:MOST_PROBLEMS]]
    return say("bad_link", problems="; ".join(said + ["…"] * (len(problems) > MOST_PROBLEMS)))


def values() -> dict:
    """The settings of the open page."""
    state, controls = st.session_state, st.session_state.page.controls
    return {name: state.get(name, state[HIDDEN].get(name, controls[name].default)) for name in controls}


def keep() -> None:
    """Once the page's controls are drawn: stores its settings, for the next visit and, the first time, for a reset."""
    state = st.session_state
    state.opened = state.page.name
    state.kept[state.opened] = values()
    state.setdefault("first", {}).setdefault(state.opened, values())


def reset(own: bool = True, after: Callable[[], None] | None = None) -> None:
    """Callback: the page's own settings, or else those that it opened with; then `after` is called.

    Drops what the page forgets, and the lines about the link.
    """
    state = st.session_state
    values = state.page.defaults if own else state.first[state.page.name]
    put({name: value for name, value in values.items() if name not in state.page.derived})
    for name in state.page.forget:
        state.pop(name, None)
    state.link_problems = []
    if after is not None:
        after()


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


def mark(name: str) -> Control:
    """A control in the link only, which says that the session has what no link can hold."""
    return Control(name, "switch", False)


def tell(name: str, here: bool) -> None:
    """Sets a mark to `here`; where the link that opened the page had it, one line until there is something again."""
    state, gone = st.session_state, f"{name}_gone"
    state[gone] = (values()[name] if gone not in state else state[gone]) and not here
    if state[gone]:
        st.info(say(f"{name}=gone"))
    state[name] = here
    if name not in hidden():
        keep_in_link(name, "true" if here else None)


def hide_list() -> list[str]:
    """What the link hides, as spelled there; after a change of page, what it hid before."""
    texts = st.query_params.get_all("hide") or st.session_state.get("hide") or []
    given = [part.strip() for text in texts for part in text.split(",")]
    return list(dict.fromkeys(part for part in given if part))


def _read_link(page: Page, *, strict: bool) -> tuple[dict, list[tuple[str, str]], list[str]]:
    """(values that can be used, problems as what was wrong with what, names to take out of the link).

    Names that this page does not know are a problem if `strict`; otherwise they are left over from another page.
    """
    values, problems, bad = {}, [], []
    for name in st.query_params:
        if name == "hide":
            continue
        try:
            if name == "lang":
                check_choice(name, st.query_params[name][:40], LANGUAGES)
                continue
            if name not in page.controls:
                if strict:
                    problems.append(("unknown", repr(name[:40])))
                    bad.append(name)
                continue
            text, longest = st.query_params[name], page.controls[name].longest
            values[name] = page.controls[name].read(text if len(text) <= longest else text[:longest] + "…")
        except ConfigError as error:
            problems.append(("error", error.message))
            bad.append(name)
    unknown = [name for name in hide_list() if strict and name not in page.names]
    return values, problems + [("unknown_hide", repr(name[:40])) for name in unknown], bad
