"""The Anatomy page's controls: the Simulator's where they mean the same, for a memory small enough to show whole."""

from dataclasses import replace

from controls import CONTROLS, MAIN, STREAM, Control, decades, steps
from links import make_page

from titans_mini import MemoryConfig, SimulationConfig

MAX_TOKENS = 1000
SHAPE = (replace(CONTROLS["depth"], default=1), Control("dim", "slider", 16, 4, 32, 4))
MORE = (
    CONTROLS["normaliser"],
    CONTROLS["scale"],
    replace(CONTROLS["tokens"], default=400, high=MAX_TOKENS, step=100),
    CONTROLS["seed"],
)
TOKEN = Control("token", "number", None, 0, MAX_TOKENS - 1)  # the first write
LAYER = Control("layer", "number", 1, 1, 4)
AUTO = Control("auto", "switch", True)
HAND = (steps("theta", 0.01, decades(-5, 0)), steps("alpha", 0.0, decades(-4, 0)))
SIDEBAR = (STREAM, *MAIN, *SHAPE, *MORE)
PAGE = make_page(
    "anatomy",
    (*SIDEBAR, TOKEN, AUTO, *HAND, LAYER),
    ("more", "player", "text", "vectors", "hand", "numbers", "maps", "formula", "curve", "guide"),
    {"more": MORE, "player": (TOKEN,), "hand": (AUTO, *HAND), "maps": (LAYER,)},
    forget=("source", "paste"),
)


def to_settings(values: dict, scenario: str) -> SimulationConfig:
    """The run that the controls ask for, token by token."""
    memory = {name: values[name] for name in ("depth", "dim", "scale")}
    rest = {name: values[name] for name in (*(c.name for c in MAIN), "normaliser", "tokens", "seed")}
    return SimulationConfig(scenario=scenario, **rest, memory=MemoryConfig.preset("recipe", **memory))


def default() -> SimulationConfig:
    """The run of the page's defaults."""
    return to_settings({control.name: control.default for control in SIDEBAR}, "text")
