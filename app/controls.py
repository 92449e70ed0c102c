"""The settings as widgets: what each may be, how it is read from a link, and its place in the sidebar.

A control's name is its widget key and its name in the link. A control that the link hides has no widget; its value
then lives in the session under HIDDEN.
"""

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from functools import partial

import streamlit as st
from texts import option, say

from titans_mini import MemoryConfig, SimulationConfig
from titans_mini.config import DECAY_NAMES, NORMALISER_NAMES, SCALE_NAMES, SCENARIO_NAMES, SIMULATION_GATE_NAMES
from titans_mini.errors import check_choice, check_integer, check_number
from titans_mini.settings import limits

HIDDEN = "hidden_values"
MAX_TOKENS = 10_000
SHAPE = ("chunk", "depth", "dim", "scale", "decay")  # settings of the memory
STREAMS = ("story", "text", "paste", "upload", *(name for name in SCENARIO_NAMES if name != "text"))
DEFAULT = SimulationConfig()


def decades(low: int, high: int, digits: tuple[int, ...] = (1, 2, 3, 5, 7)) -> tuple[float, ...]:
    return (0.0, *(float(f"{digit}e{power}") for power in range(low, high) for digit in digits), float(f"1e{high}"))


@dataclass(frozen=True)
class Control:
    """One setting: `kind` is slider, steps (a slider over `options`), choice, buttons, number or switch."""

    name: str
    kind: str
    default: float | int | str | None  # None: the page computes it
    low: float = 0
    high: float = 0
    step: float = 1
    options: tuple = ()
    longest: int = 40  # characters of a link's value that are read

    def read(self, text: str) -> float | int | str:
        """The value that a link gives, or ConfigError."""
        if self.kind in ("choice", "buttons"):
            return check_choice(self.name, text, self.options)
        if self.kind == "switch":
            return check_choice(self.name, text, ("true", "false")) == "true"
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if self.kind == "number" or isinstance(self.default, int):
            return check_integer(self.name, int(number) if number.is_integer() else text, self.low, self.high)
        return check_number(self.name, number if math.isfinite(number) else text, self.low, self.high)

    def spell(self, value: float | int | str) -> str:
        """The value as a link has it."""
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:g}" if isinstance(value, float) else str(value)


def steps(name: str, default: float, options: tuple[float, ...]) -> Control:
    return Control(name, "steps", default, options[0], options[-1], options=options)


GATE = Control("gate", "buttons", DEFAULT.gate, options=SIMULATION_GATE_NAMES)
UNUSED = {"constant": ("tau", "softness")}  # gate -> settings that change nothing with it
MAIN = (
    Control("tau", "slider", DEFAULT.tau, 0.0, 1.0, 0.01),
    Control("beta", "slider", DEFAULT.beta, 0.0, 1.0, 0.01),
    steps("lam", DEFAULT.lam, decades(-6, -1)),
    steps("eta", DEFAULT.eta, decades(-6, 1)),
    steps("softness", DEFAULT.softness, decades(-3, 0)[1:]),
)
MORE = (
    Control("normaliser", "choice", DEFAULT.normaliser, options=NORMALISER_NAMES),
    Control("scale", "buttons", DEFAULT.memory.scale, options=SCALE_NAMES),
    Control("decay", "buttons", DEFAULT.memory.decay, options=DECAY_NAMES),
    Control("encoding", "choice", DEFAULT.encoding, options=limits(SimulationConfig, "encoding")[0]),
    Control("chunk", "slider", DEFAULT.memory.chunk, 1, 64),
    Control("depth", "slider", DEFAULT.memory.depth, 1, 4),
    Control("tokens", "number", DEFAULT.tokens, 1, MAX_TOKENS, 500),
    Control("seed", "number", DEFAULT.seed, 0, 2**31 - 1),
)
STREAM = Control("stream", "choice", "story", options=STREAMS)
TOKEN = Control("token", "number", None, 0, MAX_TOKENS - 1)  # None: where the page finds it best
CONTROLS: dict[str, Control] = {control.name: control for control in (GATE, STREAM, *MAIN, *MORE)}


def show(
    control: Control, hidden: frozenset[str], spell: Callable[[str], str] | None = None, **more
) -> float | int | str:
    """Draws the control, unless the link hides it, and returns its value.

    `spell` makes the labels of a choice, in place of the catalogue; `more` goes to the widget.
    """
    if control.name in hidden:
        return st.session_state.get(HIDDEN, {}).get(control.name, control.default)
    more |= {"key": control.name, "help": say(control.name + "?")}
    if control.kind in NAMED:
        words = labels(control.options, spell or partial(option, control.name))
        value = one_of(control, NAMED[control.kind](control, format_func=words, **more))
        # A widget that is bound to the link would put its label there.
        keep_in_link(control.name, None if value == control.default else value)
        return value
    return _settle(control, WIDGETS[control.kind](control, bind="query-params", **more))


def held(control: Control, hidden: frozenset[str]) -> float | int | str:
    """The value that `show` is going to return where its widget has been drawn before in this session."""
    if control.name in hidden:
        return show(control, hidden)
    value = st.session_state.get(control.name, control.default)
    return one_of(control, value) if control.kind in NAMED else _settle(control, value)


def _settle(control: Control, value: float | int | bool) -> float | int | bool:
    """A widget's value within its range, which is enforced only in the browser."""
    if control.high > control.low:
        value = min(max(value, control.low), control.high)
    return round(value, 9) if isinstance(value, float) else value


def one_of(control: Control, value: str) -> str:
    """A choice that exists. Where a label has no option any more, since the options have changed since it was drawn,
    Streamlit hands back the label."""
    return value if value in control.options else control.default


def labels(options: Iterable[str], spell: Callable[[str], str]) -> Callable[[str], str | None]:
    """The labels of choices in the language of this run, also for callers outside of it."""
    return {name: spell(name) for name in options}.get


def keep_in_link(name: str, text: str | None) -> None:
    """Stores a setting in the link as this text. None: it has the page's own value, so the link leaves it out."""
    if not text:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != text:
        st.query_params[name] = text


def show_all(controls: Iterable[Control], hidden: frozenset[str], disabled: Collection[str] = ()) -> dict:
    """Draws several controls; name -> value. Those named in `disabled` cannot be moved."""
    return {control.name: show(control, hidden, disabled=control.name in disabled) for control in controls}


def show_folded(
    title: str, controls: Iterable[Control], hidden: frozenset[str], disabled: Collection[str] = ()
) -> dict:
    """Draws several controls in a box that opens on a click; no box if the link hides all of them."""
    if hidden.issuperset(control.name for control in controls):
        return show_all(controls, hidden)
    with st.expander(say(title)):
        return show_all(controls, hidden, disabled)


def show_row(
    controls: Collection[Control], hidden: frozenset[str], widths: Collection[int] = (), disabled: Collection[str] = ()
) -> dict:
    """Draws several controls in one row that wraps on a phone; name -> value. `widths` may leave places empty."""
    values, look = {}, {"gap": "medium", "vertical_alignment": "center" if widths else "top"}
    columns = st.columns(widths or len(controls), **look) if len(controls) > 1 else [st.container(width=340)]
    for column, control in zip(columns, controls, strict=False):
        with column:
            values |= show_all([control], hidden, disabled)
    return values


def to_settings(values: dict, scenario: str) -> SimulationConfig:
    """The run that the controls ask for."""
    memory = {name: value for name, value in values.items() if name in SHAPE}
    rest = {name: value for name, value in values.items() if name not in (*SHAPE, "stream")}
    return SimulationConfig(scenario=scenario, **rest, memory=MemoryConfig.preset("recipe", **memory))


def flat(settings: SimulationConfig) -> dict:
    """All settings of a run by name, with the memory's among them, and its scenario as its stream."""
    found = asdict(settings)
    return {"stream": found.pop("scenario"), **found.pop("memory"), **found}


def to_values(settings: SimulationConfig) -> dict:
    """The inverse of `to_settings`, for a run over a stream that needs no text from the visitor."""
    found = flat(settings)
    return {name: found[name] for name in CONTROLS}


def _ranged(widget: Callable[..., float]) -> Callable[..., float]:
    return lambda control, **common: widget(
        say(control.name), control.low, control.high, control.default, control.step, **common
    )


def _step_slider(control: Control, **common) -> float:
    extra = st.session_state.get(control.name, control.default)  # a link may give a value between two steps
    options = sorted({*control.options, extra})
    return st.select_slider(say(control.name), options, control.default, format_func=control.spell, **common)


def _choice(control: Control, **common) -> str:
    index = control.options.index(control.default)
    return st.selectbox(say(control.name), control.options, index, **common)


def _buttons(control: Control, **common) -> str:
    return st.segmented_control(
        say(control.name), control.options, default=control.default, required=True, width="stretch", **common
    )


def _switch(control: Control, **common) -> bool:
    return st.toggle(say(control.name), control.default, **common)


NAMED: dict[str, Callable] = {"choice": _choice, "buttons": _buttons}
WIDGETS: dict[str, Callable] = {
    "slider": _ranged(st.slider), "number": _ranged(st.number_input), "steps": _step_slider, "switch": _switch
}  # fmt: skip
