"""Playground: the memory that learns in the browser, in a notebook; once shown, it needs no kernel."""

import anywidget
import traitlets

from .. import playground
from ..language import choose, spoken

HOST = "\nexport default { render: ({ model, el }) => mount(el, model.get('data')).end };"


class Playground(anywidget.AnyWidget):
    """Tape, strip and matrix of one memory, with sliders, two rules and a field for text.

    `text` is what it opens with, None for the text of the page, and `cursor` the byte where it stands.
    """

    _esm = playground.bundle() + HOST
    _css = playground.style()
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, text: str | None = None, cursor: int = 0, *, language: str | None = None) -> None:
        opened = {} if text is None else {"text": text, "cursor": cursor}
        super().__init__(data=playground.data(choose(language), **opened))

    def __repr__(self) -> str:
        """Stands in a notebook's file, where no widget can."""
        return spoken("Playground: run this cell in Jupyter to watch a memory read.")
