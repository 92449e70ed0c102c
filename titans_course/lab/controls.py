"""The controls of a lab: declared as a table, built as widgets, and labelled in a language that may change."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from titans_mini.errors import check_choice, check_integer, check_number

from ..language import find, option, say

INSTALL = "pip install 'titans-mini[notebooks]'"
try:
    import ipywidgets as w
    from IPython.display import display
except ImportError as error:
    raise ImportError(f"labs need ipywidgets; run: {INSTALL}") from error

__all__ = ["INSTALL", "Control", "build", "display", "entry", "marks", "pick", "rename", "roomy", "slide", "w", "word"]
LABEL = "6.6rem"  # room for a control's label, such as "architecture"
WIDE = "19rem"  # a control with its label
Range = tuple[float, float]


class Control(NamedTuple):
    """A control of a lab; `pick`, `marks`, `slide` and `entry` make one.

    Widgets report a change when they are released, not while they are dragged.
    """

    make: Callable[[object], w.DOMWidget]  # from the value it starts at
    default: object
    options: Iterable | None = None  # allowed first values
    span: Range | None = None  # range of the first value; whole numbers if its ends are
    names: str = ""  # whose `option` names the choices carry; none: those of the control's own name
    width: str = WIDE


def pick(options: Iterable, default: object = None, **more) -> Control:
    """A menu of these options; the first one is the default."""
    options = list(options)
    default = options[0] if default is None else default
    return Control(lambda value: w.Dropdown(options=options, value=value), default, options, **more)


def marks(values: Iterable[float], default: float, span: Range | None = None, form: str = "{:g}") -> Control:
    """A slider over these values, its starting value, and the format in which they are shown."""

    def make(value: float) -> w.DOMWidget:
        shown = [(form.format(mark), mark) for mark in sorted({*values, value})]
        return w.SelectionSlider(options=shown, value=value, continuous_update=False)

    return Control(make, default, span=span)


def slide(low: float, high: float, default: float, *, step: float = 1, strict: bool = True) -> Control:
    """A slider from low to high, of whole numbers if these are. Unless `strict`, it extends to the first value."""
    kind, form = (w.IntSlider, "d") if isinstance(low, int) else (w.FloatSlider, ".3f")

    def make(value: float) -> w.DOMWidget:
        ends = {"min": min(low, value), "max": max(high, value), "step": step}
        return kind(value=value, readout_format=form, continuous_update=False, **ends)

    return Control(make, default, span=(low, high) if strict else None)


def entry(default: int, span: Range | None = None) -> Control:
    """A field for a whole number."""
    return Control(lambda value: w.IntText(value=value, continuous_update=False), default, span=span)


def build(name: str, control: Control, value: object) -> w.DOMWidget:
    """The widget of a control at a value; ConfigError for a value that it does not take."""
    if control.options is not None and value not in control.options:
        check_choice(name, value if isinstance(value, str) else str(value), map(str, control.options))
    if control.span is not None:
        check = check_integer if isinstance(control.span[0], int) else check_number
        value = check(name, value, *control.span)
    widget = control.make(value)
    widget.layout.width = control.width
    return roomy(widget)


def word(widget: w.DOMWidget, key: str, context: str, language: str, *, names: str = "", **constants) -> None:
    """Gives a widget the label, help, hint and names of options of its key in the catalogues; its value stays.

    A choice is named by the text `key=choice`, else by the `option` of that name.
    """
    with widget.hold_sync():
        if find(context, key, language) is not None:
            widget.description = say(context, key, language, **constants)
        widget.tooltip = say(context, f"{key}?", language, **constants)
        if isinstance(widget, w.Text):
            widget.placeholder = say(context, f"{key}:hint", language)
        if isinstance(widget, w.Dropdown):
            values = [choice[1] if isinstance(choice, tuple) else choice for choice in widget.options]
            if all(isinstance(value, str) for value in values):
                labels = {value: find(context, f"{key}={value}", language) for value in values}
                rename(widget, {value: said or option(names or key, value, language) for value, said in labels.items()})


def rename(widget: w.DOMWidget, labels: dict) -> None:
    """Relabels the options (value -> label) and keeps the selection; observers are notified."""
    chosen = widget.value
    with widget.hold_sync():  # a browser is told only the final value
        widget.options = [(label, value) for value, label in labels.items()]
        widget.value = chosen


def roomy(widget: w.DOMWidget) -> w.DOMWidget:
    """The widget, wide enough for the longest label of either language."""
    widget.style.description_width = LABEL
    widget.layout.width = widget.layout.width or WIDE
    widget.layout.max_width = "100%"
    return widget
