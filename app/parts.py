"""What pages are made of: headings, numbers, buttons, downloads, and panels side by side.

Each finds its text in the catalogues under its name, and its help under the name with a question mark.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import streamlit as st
from texts import say

# Name -> name of the file, its type, what makes its content.
Files = Mapping[str, tuple[str, str, Callable[[], str | bytes]]]


def heading(name: str, **fields: object) -> None:
    """The heading of a panel, with its help."""
    st.markdown(f"##### {say(name, **fields)}", help=say(name.partition("=")[0] + "?"))


def number(name: str, value: object, below: str | None = None, colour: str = "off", about: str | None = None) -> None:
    """A number under its label; `below` stands under it in small print, and `about` names another help text."""
    label, about = say(name), say(about or f"{name}?")
    st.metric(label, value, below, help=about, delta_arrow="off", delta_color=colour, width="content")


def numbers(values: Mapping[str, object], key: str, below: Mapping[str, str] | None = None) -> None:
    """Numbers in a row."""
    with st.container(horizontal=True, gap="medium", key=key):
        for name, value in values.items():
            number(name, value, (below or {}).get(name))


def button(name: str, action: Callable | None = None, *arguments, icon: str | None = None, **look) -> bool:
    """A button that calls `action` with the arguments; `look` replaces its label, key or help, or adds to them."""
    if "label" not in look:
        look["label"] = say(name)
    if "help" not in look:
        look["help"] = say(f"{name}?")
    icon = None if icon is None else f":material/{icon}:"
    return st.button(icon=icon, on_click=action, args=arguments, **{"key": name} | look)


def row(key: str, **look) -> AbstractContextManager:
    """A container whose parts stand side by side, centred."""
    return st.container(horizontal=True, key=key, **{"vertical_alignment": "center"} | look)


def downloads(files: Files, title: str | None = "downloads", note: str = "link") -> None:
    """A button for each file, made when it is pressed; the page is not drawn again."""
    if title is not None:
        st.markdown(say(title), width="content")
    for name, (file, mime, make) in files.items():
        st.download_button(
            say(name), make, file, mime, key=f"save_{name}", help=say(f"{name}?"), on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip
    st.caption(say(note), width="content")


def beside(widths: Mapping[str, float], hidden: frozenset[str]) -> Iterator[str]:
    """The panels that the link does not hide, one after the other; the loop's body draws into a column of its own."""
    shown = [name for name in widths if name not in hidden]
    columns = st.columns([widths[name] for name in shown], gap="medium") if shown else ()
    for name, column in zip(shown, columns, strict=True):
        with column:
            yield name
