"""The MIRAS page's controls, and what its link may set and hide."""

from dataclasses import dataclass, replace

import controls
from controls import CONTROLS, Control, decades, steps
from links import Page

from miras import rules as miras_rules
from titans_course.figures.family_tree import AXES
from titans_course.studies.family_tree import TREE
from titans_mini.miras import KNOBS, PRESETS, MirasConfig
from titans_mini.miras.choice import Number

NOTHING = "nothing"
MAX_LENGTH = 1000
DEFAULT = miras_rules.Rule(MirasConfig("matrix", "huber", "none", "gd", "constant"))
VERSUS_DEFAULT = miras_rules.spell(miras_rules.Rule(MirasConfig("matrix", "l2", "none", "gd", "constant")))


@dataclass(frozen=True)
class RuleControl(Control):
    """Rule B, spelled as `miras_rules.spell` does, or nothing."""

    longest: int = 300

    def read(self, text: str) -> str:
        """The text that a link gives, or ConfigError."""
        return NOTHING if text == NOTHING else miras_rules.spell(miras_rules.read(text))


def _numbered(knob: str, choice: str, number: Number) -> Control:
    """The control of a choice's number, on a scale that suits its range."""
    name, low, high = miras_rules.number_control(knob, choice), number.low, number.high
    if name in SCALES:
        return replace(steps(name, number.default, SCALES[name]), low=low, high=high)
    if number.whole:
        return Control(name, "slider", int(number.default), int(low), int(high))
    return Control(name, "slider", float(number.default), low, high, 0.05)


WIDE = decades(-3, 3, (1, 2, 5))[1:]
SCALES = {
    "huber_delta": WIDE, "huber_norm_delta": WIDE, "switch_delta": WIDE, "yaad_delta": WIDE,
    "shift_delta": decades(-2, 3, (1, 2, 5)), "decay_alpha": decades(-4, 0, (1, 2, 5)), "kl_mass": WIDE[3:],
    "elastic_gamma": decades(-5, 1, (1, 2, 5)), "privacy_sigma": WIDE,
    "adam_beta2": (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999),
    "rmsprop_rho": (0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999),
    "levels_C": tuple(2**power for power in range(10)), "global_local_C": tuple(2**power for power in range(17)),
}  # fmt: skip
PRESET = Control("preset", "choice", "own", options=("own", *PRESETS))
PICKERS = {
    knob: Control(name, "choice", getattr(DEFAULT.config, knob), options=tuple(KNOBS[knob]))
    for knob, name in miras_rules.KNOB_CONTROLS.items()
}
NUMBERS = {
    (knob, choice): _numbered(knob, choice, entry.number)
    for knob, choices in KNOBS.items()
    for choice, entry in choices.items()
    if entry.number is not None
}
STEPS = (
    steps("write", DEFAULT.config.theta, decades(-5, 1)),
    steps("forget", DEFAULT.config.alpha, decades(-6, 0, (1, 2, 5))),
)
SIZES = (
    replace(CONTROLS["chunk"], default=DEFAULT.chunk),
    Control("clip", "switch", DEFAULT.clip),
    replace(CONTROLS["scale"], default=DEFAULT.scale),
    replace(CONTROLS["depth"], default=DEFAULT.depth),
)
KIND = Control("kind", "buttons", "outliers", options=("clean", "outliers", "noise", "overload", "drift"))
AMOUNTS = {
    "outliers": Control("outlier_share", "slider", 0.1, 0.0, 1.0, 0.01),
    "noise": Control("noise_size", "slider", 0.3, 0.0, 10.0, 0.1),
    "overload": Control("load", "slider", 3.0, 1.0, 8.0, 0.5),
    "drift": Control("drift_angle", "slider", 0.02, 0.0, 1.0, 0.01),
}
PAIRS = Control("pairs", "slider", 6, 1, 64)
RUN = (
    Control("features", "slider", 8, 4, 32, 4),
    Control("length", "number", 160, 1, MAX_LENGTH, 60),
    CONTROLS["seed"],
)
# Members of the family: which two are trained, for how many seconds each, and the axis of their curves.
MEMBERS = tuple(
    Control(name, "choice", own, options=tuple(TREE))
    for name, own in (("member_a", "linear_attention"), ("member_b", "titans"))
)
SECONDS = steps("train_seconds", 60, (2, 5, 10, 20, 30, 60, 120))
AXIS = Control("train_axis", "buttons", "seconds", options=tuple(AXES))
VERSUS = RuleControl("versus", "rule", VERSUS_DEFAULT)
MORE = (*SIZES, *RUN)
# Drawn only if the choices need them; their values are kept while they are not drawn.
COMING = (*NUMBERS.values(), *AMOUNTS.values(), PAIRS, *MEMBERS, SECONDS, AXIS, SIZES[-1])
ALL = (PRESET, *PICKERS.values(), *STEPS, *MORE, KIND, VERSUS, *COMING[:-1])
PAGE = Page(
    "miras",
    ALL,
    ("more", "stream", "numbers", "recall", "curves", "formula", "code", "table", "pin", "family", "members", "seeds"),
    {"more": MORE, "stream": (KIND, *AMOUNTS.values(), PAIRS)},
    forget=("miras_rule",),
    derived=("preset",),
)


def chosen(picker: Control, value: str) -> str:
    """The choice of a picker. Streamlit may hand back the label of one, which begins with its name."""
    return controls.one_of(picker, value.partition(" · ")[0])


def stream_of(values: dict) -> dict:
    """The arguments of `make_pairs`."""
    kind, dim = values["kind"], values["features"]
    stream = {"kind": kind, "tokens": values["length"], "dim": dim, "pairs": values["pairs"], "seed": values["seed"]}
    if kind == "overload":
        return {**stream, "kind": "clean", "pairs": max(1, round(values["load"] * dim))}
    if kind in AMOUNTS:
        stream["amount"] = values[AMOUNTS[kind].name]
    return stream
