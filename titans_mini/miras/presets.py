"""Published memories as points of the design space: the inner rule alone, without what surrounds it in each model."""

from __future__ import annotations

from typing import NamedTuple

from ..config import MemoryConfig
from .choice import recipe
from .config import MirasConfig


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
    "atlas": _preset(
        "mlp l2 adaptive muon learned", CHUNKED, "Muon; without its window of past tokens and polynomial keys",
        "arXiv 2505.23735", theta=0.05),
}  # fmt: skip
