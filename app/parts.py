"""The building blocks of pages: title, headings, numbers, buttons, charts, downloads, and panels side by side.

Each finds its text in the catalogues under its name, and its help under the name with a question mark.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import links
import streamlit as st
from plotly.basedatatypes import BaseFigure
from streamlit.delta_generator import DeltaGenerator
from texts import quoted, say

from titans_course.figures import COLOURS
from titans_mini.errors import ConfigError, DivergenceError

BARE = {"displayModeBar": False}
# Streamlit replaces these with the theme's categorical colours, so curves follow light and dark at once.
THEMED = {colour: f"#{number:06d}" for number, colour in enumerate(COLOURS.values(), start=1)}
# Name -> name of the file, its type, what makes its content.
Files = Mapping[str, tuple[str, str, Callable[[], str | bytes]]]


def title(*lines: str | None) -> None:
    """The open page's title and its warnings: what was wrong with the link, then each of `lines` that there is."""
    name = st.session_state.page.name
    st.markdown(f"# {say(f'{name}_title')}")
    st.html(f'<p class="phone-hint">{say(f"{name}_phone")}</p>')  # there the sidebar is closed
    for line in (links.problem_line(), *lines):
        if line:
            st.warning(line)


def reset_buttons(after: Callable[[], None] | None = None, width: str = "stretch") -> DeltaGenerator:
    """A row with the buttons that go back to the settings the page opened with, and to its own, and then call `after`.

    Returns the row, for more buttons.
    """
    page, place = st.session_state.page.name, st.container(horizontal=True, width=width)
    with place:
        for name, own, icon in (("reset", False, "restart_alt"), ("defaults", True, None)):
            key = f"{page}_{name}"
            button(name, links.reset, own, after, icon=icon, key=key, help=say(f"{key}?"))
    return place


@contextmanager
def in_one_line() -> Iterator[None]:
    """Shows a ConfigError or a DivergenceError as one line, in place of what follows."""
    try:
        yield
    except (ConfigError, DivergenceError) as error:
        st.error(quoted(error))


def heading(name: str, **fields: object) -> None:
    """The heading of a panel, with its help."""
    st.markdown(f"## {say(name, **fields)}", help=say(name.partition("=")[0] + "?"))


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


def themed(figure: BaseFigure) -> BaseFigure:
    """The figure with lines and markers in the theme's colours where they have the symbols'."""
    for curve in figure.data:
        if curve.type.startswith("scatter"):  # scattergl too
            curve.line.color = THEMED.get(curve.line.color, curve.line.color)
            if isinstance(curve.marker.color, str):
                curve.marker.color = THEMED.get(curve.marker.color, curve.marker.color)
        elif curve.type == "bar":
            curve.marker.color = [THEMED.get(colour, colour) for colour in curve.marker.color]
    return figure


def draw(figure: BaseFigure, key: str, alt: str, config: dict | None = None) -> None:
    """The figure as wide as its place, without a tool bar unless `config` asks for one; `alt` is its text."""
    st.plotly_chart(figure, key=key, alt=alt, config=BARE if config is None else config)


def chart(figure: BaseFigure, name: str, alt: str | None = None) -> None:
    """The figure in the theme's colours; its text is that of the name, unless `alt` is given."""
    draw(themed(figure), f"{name}_chart", say(f"alt={name}") if alt is None else alt)


def row(key: str, **look) -> AbstractContextManager:
    """A container whose parts stand side by side, centred."""
    return st.container(horizontal=True, key=key, **{"vertical_alignment": "center"} | look)


def downloads(files: Files, title: str | None = "downloads", note: str | None = "link") -> None:
    """A button for each file, made when it is pressed; the page is not drawn again."""
    if title is not None:
        st.markdown(say(title), width="content")
    for name, (file, mime, make) in files.items():
        st.download_button(
            say(name), make, file, mime, key=f"save_{name}", help=say(f"{name}?"), on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip
    if note is not None:
        st.caption(say(note), width="content")


def table(rows: list[dict], key: str, columns: Mapping[str, object] | None = None, **look) -> None:
    """A table as wide as its container; `columns` are the headers, or their Streamlit column configuration."""
    st.dataframe(rows, hide_index=True, width="stretch", key=key, column_config=columns, **look)


def folded(name: str, draw: Callable[[], None], icon: str | None = None) -> None:
    """A box that opens on a click; while it is closed, its contents are neither made nor sent."""
    icon = None if icon is None else f":material/{icon}:"
    with st.expander(say(name), key=name, icon=icon, on_change="rerun") as panel:
        if panel.open:
            draw()


def beside(panels: Mapping[str, tuple[float, Callable[[], None]]], hidden: frozenset[str]) -> None:
    """Panels side by side, except those that the link hides: name -> its width and the function that draws it.

    A function draws each, not the body of a loop over a generator: a run that is cut short would leave that generator
    open, and with it the column, into which the next run would draw.
    """
    shown = [panel for name, panel in panels.items() if name not in hidden]
    columns = st.columns([width for width, _ in shown], gap="medium") if shown else ()
    for column, (_, draw) in zip(columns, shown, strict=True):
        with column:
            draw()
