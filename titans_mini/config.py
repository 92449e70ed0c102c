"""Settings of a memory and of a simulation: frozen, validated, with named presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from .errors import ConfigError, check_choice, check_number, show
from .settings import (
    SEED,
    Settings,
    check_divides,
    check_switch,
    check_whole_numbers,
    choice,
    limits,
    number,
    whole,
)

ACTIVATION_NAMES = ("silu", "gelu", "tanh")
GATE_NAMES = ("learned", "surprise")
SIMULATION_GATE_NAMES = ("surprise", "constant")
NORMALISER_NAMES = ("excess", "zsigmoid", "running_max", "fixed")
SCALE_NAMES = ("rms", "unit")
DECAY_NAMES = ("zero", "start")
ENCODING_NAMES = ("fixed", "conv-mag", "conv-mag-surprise")  # the last two are bundled models, 64 wide
SCENARIO_NAMES = (
    "text", "steady", "repetition", "novelty_burst", "topic_shift", "outliers", "noise", "silence", "series"
)  # fmt: skip


@dataclass(frozen=True)
class MemoryConfig(Settings):
    """Shape and inner rule of one neural memory.

    The fast weights are, per head, an MLP of `depth` matrices over `dim / heads` features with hidden width
    `expansion` times that. Paper: section 3.1. Recipe: 2.1 (depth 2, expansion 4).
    Differs: `clip` bounds each token's gradient norm, which the paper does not do; `None` switches it off.
    """

    # whole and number: default, least, most; choice: default, the allowed words. The comments are also the help texts.
    dim: int = whole(64, 1, 8192)  # features of keys and values
    heads: int = whole(1, 1, 64)  # independent memories, each over dim / heads features
    depth: int = whole(2, 1, 4)  # weight matrices of one memory
    expansion: int = whole(4, 1, 16)  # hidden width over head width
    chunk: int = whole(16, 1, 1024)  # tokens whose gradients are taken at the same start weights
    activation: str = choice("silu", ACTIVATION_NAMES)  # between two matrices
    clip: float | None = 1.0  # largest norm of one token's gradient; None: unbounded
    scale: str = choice("unit", SCALE_NAMES)  # norm of keys and queries: unit is 1, rms is sqrt(dim / heads)
    conv: int = whole(4, 1, 64)  # taps of the causal depthwise convolution after q, k, v
    gate: str = choice("learned", GATE_NAMES)  # how theta, eta and alpha are decided
    momentum: bool = True  # whether the learned gate carries surprise over to the next tokens (eta)
    reach: tuple[int, ...] = ()  # last tokens that the keys of each head tell apart; (): see conv and scale
    key_width: int = whole(512, 2, 8192)  # features of a key, where there is a reach
    decay: str = choice("zero", DECAY_NAMES)  # what forgetting moves the weights to: zero, as published, or their start

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip is not None:
            check_number("clip", self.clip, 1e-6, 1e6)
        check_divides(self, "heads")
        check_switch(self, "momentum")
        check_whole_numbers(self, "reach", 1, 64)
        if self.reach and len(self.reach) != self.heads:
            raise ConfigError("reach must have a number for each of {count} heads", count=self.heads)
        if self.key_width % 2:
            raise ConfigError("key_width must be even, not {width}", width=self.key_width)

    @property
    def head_dim(self) -> int:
        """Features of a head's values: a share of dim, or all of them where there is a reach."""
        return self.dim if self.reach else self.dim // self.heads

    @property
    def head_keys(self) -> int:
        """Features of a head's keys: as many as its values have, unless there is a reach."""
        return self.key_width if self.reach else self.head_dim

    @property
    def norm(self) -> float:
        """The norm that keys and queries are scaled to: 1, or sqrt(head_dim) for `scale="rms"`."""
        return self.head_dim**0.5 if self.scale == "rms" else 1.0

    @classmethod
    def preset(cls, name: str, **changes: object) -> MemoryConfig:
        """`paper` (chunked, clipped, unit keys) or `recipe` (token by token, unclipped, rms keys)."""
        check_choice("preset", name, MEMORY_PRESETS)
        return cls(**{**MEMORY_PRESETS[name], **changes})


TRAINED = ("reach", "key_width", "momentum")  # settings that only a memory with trained keys and gates can have
MEMORY_PRESETS: dict[str, dict] = {
    "paper": dict(chunk=16, clip=1.0, scale="unit", gate="learned"),
    "recipe": dict(chunk=1, clip=None, scale="rms", gate="surprise"),
}


@dataclass(frozen=True)
class SimulationConfig(Settings):
    """One run of a stream through a memory. Defaults are the recipe article's (sections 2.2 and 3).

    With `gate="constant"` the paper's rule runs with its gates held fixed: theta_t = eta, eta_t = beta,
    alpha_t = lam. The memory's shape and its `scale` sit in `memory`.
    """

    scenario: str = choice("text", SCENARIO_NAMES)  # the stream to read
    tokens: int = whole(2000, 1, 10_000_000)  # bytes to read
    tau: float = number(0.3, 0.0, 1.0)  # surprise threshold of the write gate
    beta: float = number(0.7, 0.0, 1.0)  # smoothing of surprise
    lam: float = number(1e-4, 0.0, 1.0)  # decay per token that is not written, lambda
    eta: float = number(1e-3, 0.0, 10.0)  # step size of a write
    softness: float = number(0.05, 1e-4, 10.0)  # width of the write gate's threshold
    normaliser: str = choice("excess", NORMALISER_NAMES)  # how surprise is scaled to the range 0 to 1
    gate: str = choice("surprise", SIMULATION_GATE_NAMES)  # surprise: the recipe's gate; constant: gates held fixed
    seed: int = whole(0, *SEED)  # seed of start weights, and of the fixed encoding
    encoding: str = choice("fixed", ENCODING_NAMES)  # keys and values: drawn by seed, or those of this trained model
    memory: MemoryConfig = field(default_factory=lambda: MemoryConfig.preset("recipe"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.memory, MemoryConfig):
            raise ConfigError("memory must be a MemoryConfig, not {kind}", kind=type(self.memory).__name__)
        for name in TRAINED:
            if getattr(self.memory, name) != getattr(MemoryConfig, name):
                text = "{name} cannot be changed in a simulation, whose keys and gates are not trained"
                raise ConfigError(text, name=name)
        if self.encoding != "fixed" and self.memory.dim != 64:
            raise ConfigError("dim must be 64 with encoding {name}, not {dim}", name=self.encoding, dim=self.memory.dim)

    def with_memory(self, **changes: object) -> SimulationConfig:
        """The same run with some fields of its memory changed."""
        return replace(self, memory=replace(self.memory, **changes))

    def to_dict(self) -> dict:
        """Plain nested dict, for JSON, without what a simulation has only one of, and without the fixed encoding.

        So older files keep their digest.
        """
        plain = {name: value for name, value in asdict(self).items() if (name, value) != ("encoding", "fixed")}
        return plain | {"memory": {n: value for n, value in plain["memory"].items() if n not in TRAINED}}

    @classmethod
    def from_dict(cls, settings: dict) -> SimulationConfig:
        """The inverse of `to_dict`; raises ConfigError for unknown names."""
        if not isinstance(settings, dict) or not isinstance(settings.get("memory", {}), dict):
            text = "settings must be an object of names and values, its memory too, not {value}"
            raise ConfigError(text, value=show(settings))
        memory = settings.get("memory", {})
        known = cls.__dataclass_fields__.keys(), MemoryConfig.__dataclass_fields__.keys()
        unknown = [n for n in settings if n not in known[0]] + [f"memory.{n}" for n in memory if n not in known[1]]
        if unknown:
            text = "unknown setting {name}; known are {names}"
            raise ConfigError(text, name=repr(unknown[0]), names=", ".join(known[0]))
        return cls(**{**settings, "memory": MemoryConfig(**memory)})


SETTING_RANGES = {name: limits(SimulationConfig, name) for name in ("tau", "beta", "lam", "eta", "softness")}
