"""MirasConfig: one point of the design space, and published memories as such points.

A preset is the inner rule of a published model, without what surrounds it there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from ..config import MemoryConfig
from ..errors import ConfigError, check_choice, check_number
from ..settings import Settings
from .choice import recipe
from .registry import KNOBS, Combination, check


@dataclass(frozen=True)
class MirasConfig(Settings):
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
        super().__post_init__()
        check(self.combination)
        check_number("theta", self.theta, 0.0, 10.0)
        check_number("alpha", self.alpha, 0.0, 1.0)
        for knob in ("bias", "retention", "algorithm"):
            self.number(knob)

    @property
    def combination(self) -> Combination:
        """Its five names."""
        return Combination(*(getattr(self, knob) for knob in KNOBS))

    def number(self, knob: str) -> float | None:
        """The number of bias, retention or algorithm, checked; None where the choice takes none."""
        setting = f"{knob}_number"
        number, value = KNOBS[knob][getattr(self, knob)].number, getattr(self, setting)
        if number is None and value is not None:
            text = "{setting} must be left out: {knob} {choice} takes none, not {value}"
            raise ConfigError(text, setting=setting, knob=knob, choice=getattr(self, knob), value=repr(value))
        if number is None:
            return None
        return number.check(setting, number.default if value is None else value)

    @classmethod
    def preset(cls, name: str, **changes: object) -> MirasConfig:
        """A published model's inner rule by name, with some fields changed."""
        check_choice("preset", name, PRESETS)
        return replace(PRESETS[name].config, **changes)

    def to_dict(self) -> dict:
        """Plain dict, for JSON."""
        return asdict(self)


class Preset(NamedTuple):
    """A named point; `memory` holds the fields of MemoryConfig that it asks for."""

    config: MirasConfig
    memory: dict
    note: str
    reference: str

    def memory_config(self, **changes: object) -> MemoryConfig:
        """Sizes, chunk and clip of this preset, with other fields changed."""
        return MemoryConfig(**{**self.memory, **changes})


EXACT = dict(chunk=1, clip=None)  # token by token, gradients as they are
CHUNKED = dict(chunk=16, clip=1.0)
RECIPE = dict(chunk=1, clip=None, scale="rms")


def _preset(names: str, memory: dict, note: str, reference: str, **numbers: float) -> Preset:
    return Preset(MirasConfig(*names.split(), **numbers), memory, note, reference)


# Names in the order of the knobs. theta of a squared loss is half of the beta of papers that halve the square.
PRESETS: dict[str, Preset] = {
    "linear_attention": _preset(
        "matrix dot none gd constant", EXACT, "adds v k^T", "arXiv 2006.16236", theta=1.0),
    "retnet": _preset(
        "matrix dot decay gd constant", EXACT, "adds v k^T to what decays", "arXiv 2307.08621",
        theta=1.0, retention_number=1 / 32),
    "deltanet": _preset(
        "matrix l2 none gd learned", EXACT, "replaces what the key held", "arXiv 2406.06484", theta=0.25),
    "gated_deltanet": _preset(
        "matrix l2 adaptive gated_delta learned", EXACT, "decays, then replaces", "arXiv 2412.06464", theta=0.25),
    "ttt_linear": _preset(
        "matrix l2 none gd constant", dict(chunk=16, clip=None),
        "DeltaNet with a mini-batch of gradients; the paper adds x + LN", "arXiv 2407.04620", theta=0.05),
    "ttt_mlp": _preset(
        "residual l2 none gd learned", CHUNKED, "the same with an MLP inside", "arXiv 2407.04620", theta=0.05),
    "titans": _preset(
        "mlp l2 adaptive momentum learned", CHUNKED, "momentum and forgetting, both learned", "arXiv 2501.00663",
        algorithm_number=0.5),
    "titans_recipe": _preset(
        "mlp l2 adaptive gd surprise", RECIPE, "written when surprised", recipe("2.2"), theta=1e-3, alpha=1e-4),
    "moneta": _preset(
        "residual lp lq gd learned", CHUNKED, "(p, q) = (3, 4)", "arXiv 2504.13173",
        theta=0.05, bias_number=3, retention_number=4),
    "yaad": _preset(
        "residual yaad adaptive gd learned", dict(chunk=16, clip=None),  # a clip would hide delta
        "robust to outliers", "arXiv 2504.13173", theta=0.05),
    "memora": _preset(
        "residual l2 kl gd learned", CHUNKED, "weights are distributions", "arXiv 2504.13173", theta=1.0),
    "mamba2": _preset(
        "matrix dot adaptive gd learned", EXACT, "RetNet whose decay is learned", "arXiv 2405.21060", theta=1.0),
    "gla": _preset(
        "matrix dot adaptive gd channels", EXACT, "a decay for each feature of the key", "arXiv 2312.06635", theta=1.0),
    "rwkv7": _preset(
        "matrix l2 adaptive gd channels", EXACT, "DeltaNet with a decay and a step for each feature of the key",
        "arXiv 2503.14456", theta=0.25),
    "deltaproduct": _preset(
        "matrix l2 adaptive product learned", EXACT, "several delta steps a token", "arXiv 2502.10297", theta=0.25),
    "mesa": _preset(
        "statistics l2 adaptive closed_form learned", EXACT, "the best matrix for all that was read",
        "arXiv 2506.05233", theta=0.9, alpha=0.001),
    "omeganet": _preset(
        "quadratic l2 adaptive omega learned", CHUNKED, "a window of past tokens and polynomial keys",
        "arXiv 2505.23735", theta=0.05),
    "atlas": _preset(
        "quadratic l2 adaptive omega_muon learned", CHUNKED, "OmegaNet with Muon", "arXiv 2505.23735", theta=0.05),
    "tnt": _preset(
        "pair l2 adaptive global_local learned", CHUNKED, "a global memory of large chunks, a local one that restarts",
        "arXiv 2511.07343", theta=0.05),
    "cms": _preset(
        "chain l2 adaptive levels learned", CHUNKED, "a chain of MLPs, each slower than the one before",
        "arXiv 2512.24695", theta=0.05),
    "hope": _preset(
        "three l2 adaptive self_modifying learned", CHUNKED, "maps of key and value that learn too",
        "arXiv 2512.24695", theta=0.25),
}  # fmt: skip
