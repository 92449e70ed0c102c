"""The Operations page's controls, and what its link may set and hide."""

from controls import Control, steps
from links import Page, mark

from titans_course.studies.drill import INCIDENTS, LONGEST, NONE, ONCE, SCALED, STREAMS, DrillConfig
from titans_mini.errors import ConfigError
from titans_mini.operate import Limits, RunConfig, ShadowConfig
from titans_mini.operate.snapshots import check_name

ENGINES = ("language", "recipe")
DEFAULT = DrillConfig()
LIMITS, RULE = DEFAULT.run.limits, ShadowConfig()
MAX_DELAY = 10_000
ENGINE = Control("engine", "buttons", ENGINES[0], options=ENGINES)
INCIDENT = Control("incident", "choice", DEFAULT.incident, options=INCIDENTS)
AT = Control("at", "slider", DEFAULT.at, 0, MAX_DELAY, 100)
DURATION = Control("duration", "slider", DEFAULT.duration, 100, 5000, 100)
FACTOR = steps("factor", DEFAULT.factor, (1.1, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0, 50.0))
WATCHED = Control("watched", "buttons", DEFAULT.stream, options=STREAMS)
STREAM = (
    Control("stream_tokens", "number", DEFAULT.tokens, 100, LONGEST, 1000),
    Control("from_place", "number", DEFAULT.offset, 0, 16_000, 1000),
    Control("noise_seed", "number", DEFAULT.seed, 0, 2**31 - 1),
)
WRITES = (
    Control("writes_low", "slider", int(LIMITS.writes[0]), 0, 500, 5),
    Control("writes_high", "slider", int(LIMITS.writes[1]), 5, 1000, 5),
)
THRESHOLDS = (
    *WRITES,
    Control("hold", "number", LIMITS.hold, 0, MAX_DELAY, 500),
    Control("warmup", "number", LIMITS.warmup, 1000, MAX_DELAY, 500),
    Control("times", "slider", LIMITS.times, 1.0, 20.0, 0.5),
    Control("worse", "slider", RULE.threshold, 0.0, 1.0, 0.01),
    Control("patience", "slider", RULE.patience, 10, 1000, 10),
    Control("snapshot_every", "number", DEFAULT.run.snapshot_every, 100, LONGEST, 500),
)


class NamesControl(Control):
    """The names of the kept memories, in the link only; they show the visitor when the memories are gone."""

    def read(self, text: str) -> tuple[str, ...]:
        """The names that a link gives, or ConfigError."""
        return tuple(check_name(self.name, name) for name in text.split(","))

    def spell(self, value: tuple[str, ...]) -> str:
        """The names as a link has them."""
        return ",".join(value)


MEMORIES = NamesControl("memories", "names", (), longest=600)
PLAYED = mark("played")
ALL = (ENGINE, WATCHED, INCIDENT, AT, DURATION, FACTOR, *STREAM, *THRESHOLDS, MEMORIES, PLAYED)
PAGE = Page(
    "operations",
    ALL,
    ("thresholds", "player", "gauges", "chart", "snapshots", "events", "sessions", "rounding", "downloads"),
    {"thresholds": THRESHOLDS},
    forget=("operations_config", "drill_pace", "played_gone"),
)


def without_effect(incident: str, watched: str = STREAMS[0]) -> set[str]:
    """The settings that change nothing about this incident in this stream."""
    fixed = {"duration"} if incident == NONE or incident in ONCE else set()
    fixed |= set() if watched == STREAMS[0] else {"from_place"}
    return fixed if incident == SCALED else fixed | {"factor"}


def to_config(values: dict) -> DrillConfig:
    """The drill that the controls ask for."""
    low, high = values["writes_low"], values["writes_high"]
    if low > high:
        raise ConfigError("writes_low must be at most writes_high, not {low} and {high}", low=low, high=high)
    numbers = {name: values[name] for name in ("hold", "warmup", "times")}
    limits = Limits(writes=(float(low), float(high)), **numbers)
    shadow = ShadowConfig(threshold=values["worse"], patience=values["patience"])
    run = RunConfig(snapshot_every=values["snapshot_every"], keep=4, limits=limits, shadow=shadow)
    same = {name: values[name] for name in ("incident", "at", "duration", "factor")}
    renamed = {"tokens": values["stream_tokens"], "offset": values["from_place"], "seed": values["noise_seed"]}
    return DrillConfig(**same, **renamed, stream=values["watched"], run=run)


OWN = to_config(PAGE.defaults)  # the drill that the page opens with
