"""MirasConfig: one point of the design space, and the points that have names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from ..errors import ConfigError, check_choice, check_number
from ..settings import check_settings
from .registry import KNOBS, Combination, check


@dataclass(frozen=True)
class MirasConfig:
    """What a memory is, what it is trained on while it reads, how it forgets and how it steps. MIRAS.

    A `*_number` is the one number that a choice may take (`registry.table` names it); None is its default. Sizes,
    chunk and clip stand in `MemoryConfig`. Raises ConfigError for unknown names, numbers out of range, and choices
    that do not go together.
    """

    architecture: str = "mlp"
    bias: str = "l2"
    retention: str = "adaptive"
    algorithm: str = "momentum"
    gate: str = "learned"
    theta: float = 0.1  # step size: of every token, of an untrained learned gate, or at an open surprise gate
    alpha: float = 0.01  # share forgotten, likewise (at a closed surprise gate)
    bias_number: float | None = None
    retention_number: float | None = None
    algorithm_number: float | None = None

    def __post_init__(self) -> None:
        check_settings(self)
        check(self.combination)
        check_number("theta", self.theta, 0.0, 10.0)
        check_number("alpha", self.alpha, 0.0, 1.0)
        for knob in ("bias", "retention", "algorithm"):
            self.number(knob)

    @property
    def combination(self) -> Combination:
        """The names alone."""
        return Combination(*(getattr(self, knob) for knob in KNOBS))

    def number(self, knob: str) -> float | None:
        """The number of bias, retention or algorithm, checked; None where the choice takes none."""
        setting = f"{knob}_number"
        number, value = KNOBS[knob][getattr(self, knob)].number, getattr(self, setting)
        if number is None and value is not None:
            raise ConfigError(f"{setting} must be left out: {knob} {getattr(self, knob)} takes none, not {value!r}")
        if number is None:
            return None
        return number.check(setting, number.default if value is None else value)

    @classmethod
    def preset(cls, name: str, **changes: object) -> MirasConfig:
        """A published model's inner rule by name, with some fields changed."""
        from .presets import PRESETS

        check_choice("preset", name, PRESETS)
        return replace(PRESETS[name].config, **changes)

    def to_dict(self) -> dict:
        """Plain dict, for JSON."""
        return asdict(self)
