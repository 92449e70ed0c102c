"""The Tuning page's controls, and what its link may set and hide."""

from dataclasses import dataclass

import links
import streamlit as st
from controls import Control, decades, keep_in_link, steps
from links import Page, mark
from texts import say

from titans_mini.config import SETTING_RANGES
from titans_mini.errors import ConfigError, check_integer
from titans_mini.messages import Message
from titans_mini.tune import TuneConfig
from titans_mini.tune.objectives import OBJECTIVES

MOST = 200  # settings of a search
Values = tuple[float, ...]


@dataclass(frozen=True)
class ListControl(Control):
    """Several values of one parameter; a link holds them with commas in between."""

    parameter: str = ""  # of TuneConfig
    longest: int = 200
    offered: Values = ()

    def read(self, text: str) -> Values:
        """The values that a link gives, or ConfigError."""
        one = Control(self.name, "steps", self.default[0], self.low, self.high)
        values = [one.read(word) for word in text.split(",")]
        if len(set(values)) < len(values):
            raise ConfigError("{name} must hold no value twice, not {text}", name=Message(self.name), text=text)
        return tuple(sorted(values))

    def spell(self, value: Values) -> str:
        """The values as a link has them."""
        return ",".join(f"{number!r}" for number in value)


def _list(name: str, parameter: str, offered: Values) -> ListControl:
    low, high = SETTING_RANGES.get(parameter, (offered[0], offered[-1]))
    return ListControl(name, "list", getattr(TuneConfig(), parameter), low, high, parameter=parameter, offered=offered)


OBJECTIVE = Control("objective", "buttons", "loss", options=tuple(OBJECTIVES))
LISTS = (
    _list("taus", "tau", (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)),
    _list("betas", "beta", (0.0, 0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)),
    _list("lams", "lam", decades(-6, -1, (1, 3))),
    _list("etas", "eta", decades(-5, -1, (1, 2, 5))[1:]),
    _list("depths", "depth", (1, 2, 3, 4)),
)
STAGES = (
    steps("coarse_tokens", 500, (100, 200, 500, 1000, 2000, 5000, 10_000)),
    steps("final_tokens", 5000, (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)),
    Control("keep", "slider", 3, 1, 10),
    Control("seeds", "slider", 3, 1, 5),
)
SEARCHED = mark("searched")
ALL = (OBJECTIVE, *LISTS, *STAGES, SEARCHED)
PANELS = ("plan", "tables", "maps", "noise", "saving", "downloads", "command")
PAGE = Page("tuning", ALL, PANELS, forget=("searched_gone",))


def show_list(control: ListControl, hidden: frozenset[str]) -> Values:
    """Draws a list of values, unless the link hides it; returns them sorted, and keeps the link as they are."""
    values = tuple(sorted(links.values()[control.name]))
    if control.name in hidden:
        return values
    st.session_state[control.name] = list(values)
    chosen = st.multiselect(
        say(control.name), sorted({*control.offered, *values}), key=control.name, help=say(control.name + "?"),
        format_func=lambda value: f"{value:g}", placeholder=say("list_empty"),
    )  # fmt: skip
    values = tuple(sorted(chosen))
    if values:  # without any there is no search, and the link stays as it is
        keep_in_link(control.name, None if values == control.default else control.spell(values))
    return values


def config_of(values: dict) -> TuneConfig:
    """The search that the controls ask for; ConfigError if there is none, or if it is too large for this page."""
    lists = {control.parameter: tuple(sorted(values[control.name])) for control in LISTS}
    same = {name: values[name] for name in ("objective", "final_tokens", "keep", "seeds")}
    config = TuneConfig(tokens=values["coarse_tokens"], **same, **lists)
    check_integer("number of settings", len(config.settings()), 1, MOST)
    return config
