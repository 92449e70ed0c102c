"""Settings of a memory and of a simulation: frozen, validated, with named presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace

from .errors import ConfigError, check_choice, check_integer, check_number, make_plain, show

ACTIVATION_NAMES = ("silu", "gelu", "tanh")
GATE_NAMES = ("learned", "surprise")
VARIANT_NAMES = ("lmm", "mac", "mag", "mal")
SIMULATION_GATE_NAMES = ("surprise", "constant")
NORMALISER_NAMES = ("excess", "zsigmoid", "running_max", "fixed")
SCALE_NAMES = ("rms", "unit")
DECAY_NAMES = ("zero", "start")
SCENARIO_NAMES = (
    "text", "steady", "repetition", "novelty_burst", "topic_shift", "outliers", "noise", "silence",
)  # fmt: skip


@dataclass(frozen=True)
class MemoryConfig:
    """Shape and inner rule of one neural memory.

    The fast weights are, per head, an MLP of `depth` matrices over `dim / heads` features with hidden width
    `expansion` times that. Paper: section 3.1. Recipe: 2.1 (depth 2, expansion 4).
    Differs: `clip` bounds each token's gradient norm, which the paper does not do; `None` switches it off.
    """

    dim: int = 64  # features of the input and of the output
    heads: int = 1  # independent memories, each over dim / heads features
    depth: int = 2  # weight matrices of one memory, 1..4
    expansion: int = 4  # hidden width over head width
    chunk: int = 16  # tokens whose gradients are taken at the same start weights
    activation: str = "silu"
    clip: float | None = 1.0  # largest norm of one token's gradient
    scale: str = "unit"  # keys (and a stream's values) of norm 1, or "rms": norm sqrt(dim)
    conv: int = 4  # taps of the causal depthwise convolution after q, k, v
    gate: str = "learned"
    decay: str = "zero"  # what forgetting moves the weights towards: zero, as in paper and recipe, or the start weights

    def __post_init__(self) -> None:
        make_plain(self)
        check_integer("dim", self.dim, 1, 8192)
        check_integer("heads", self.heads, 1, 64)
        check_integer("depth", self.depth, 1, 4)
        check_integer("expansion", self.expansion, 1, 16)
        check_integer("chunk", self.chunk, 1, 1024)
        check_integer("conv", self.conv, 1, 64)
        check_choice("activation", self.activation, ACTIVATION_NAMES)
        check_choice("scale", self.scale, SCALE_NAMES)
        check_choice("gate", self.gate, GATE_NAMES)
        check_choice("decay", self.decay, DECAY_NAMES)
        if self.clip is not None:
            check_number("clip", self.clip, 1e-6, 1e6)
        if self.dim % self.heads:
            raise ConfigError(f"heads must divide dim: {self.heads} does not divide {self.dim}")

    @property
    def head_dim(self) -> int:
        """Features that one head's memory maps to itself."""
        return self.dim // self.heads

    @property
    def norm(self) -> float:
        """The norm that keys are scaled to: 1, or sqrt(head_dim) for `scale="rms"`."""
        return self.head_dim**0.5 if self.scale == "rms" else 1.0

    @classmethod
    def preset(cls, name: str, **changes: object) -> MemoryConfig:
        """`paper` (chunked, clipped, unit keys) or `recipe` (token by token, unclipped, rms keys)."""
        check_choice("preset", name, MEMORY_PRESETS)
        return cls(**{**MEMORY_PRESETS[name], **changes})


MEMORY_PRESETS: dict[str, dict] = {
    "paper": dict(chunk=16, clip=1.0, scale="unit", gate="learned"),
    "recipe": dict(chunk=1, clip=None, scale="rms", gate="surprise"),
}


@dataclass(frozen=True)
class TitansConfig:
    """A small language model with a neural memory. Paper: section 4.

    `variant`: `lmm` (memory alone), `mac` (memory as context), `mag` (memory as gate), `mal` (memory as layer).
    For `mac` the segment is the memory's chunk, so `window` and `chunk` are equal.
    """

    variant: str = "mac"  # lmm, mac, mag, mal: memory alone, as context, as gate, as layer
    vocab_size: int = 256  # different tokens
    dim: int = 64  # width: features of a token
    layers: int = 2  # layers, each with a memory unless memory_layers says otherwise
    heads: int = 4  # heads of attention
    window: int = 16  # tokens that attention sees; for mac: of a segment
    chunk: int = 16  # tokens of the memory's chunk
    memory_depth: int = 2  # matrices of a memory, 1 to 4
    memory_heads: int = 1  # memories side by side in a layer, each on its share of the features
    gate: str = "learned"  # learned (the paper's), or surprise (the recipe's)
    persistent: int = 4  # learned tokens that every token sees
    memory_layers: tuple[int, ...] | None = None  # layers with a memory, counted from 0; None: all

    def __post_init__(self) -> None:
        make_plain(self)
        check_choice("variant", self.variant, VARIANT_NAMES)
        check_choice("gate", self.gate, GATE_NAMES)
        for name, (low, high) in MODEL_RANGES.items():
            check_integer(name, getattr(self, name), low, high)
        for name in ("heads", "memory_heads"):
            if self.dim % getattr(self, name):
                raise ConfigError(f"{name} must divide dim: {getattr(self, name)} does not divide {self.dim}")
        if self.variant == "mac" and self.window != self.chunk:
            raise ConfigError(f"window must equal chunk for mac, not {self.window} and {self.chunk}")
        if not isinstance(self.memory_layers, tuple | None):
            given = show(self.memory_layers)
            raise ConfigError(f"memory_layers must be None or a tuple of whole numbers below layers, not {given}")
        for layer in self.memory_layers or ():
            check_integer("memory_layers", layer, 0, self.layers - 1)

    @property
    def memory(self) -> MemoryConfig:
        """The settings of each layer's memory."""
        return MemoryConfig(
            dim=self.dim, heads=self.memory_heads, depth=self.memory_depth, chunk=self.chunk, gate=self.gate
        )

    def has_memory(self, layer: int) -> bool:
        """Whether that layer has a memory."""
        return self.memory_layers is None or layer in self.memory_layers


MODEL_RANGES: dict[str, tuple[int, int]] = {
    "vocab_size": (2, 1_000_000),
    "dim": (1, 8192),
    "layers": (1, 64),
    "heads": (1, 64),
    "window": (1, 4096),
    "chunk": (1, 1024),
    "memory_depth": (1, 4),
    "memory_heads": (1, 64),
    "persistent": (1, 1024),
}


@dataclass(frozen=True)
class SimulationConfig:
    """One run of a stream through a memory. Defaults are the recipe article's (2.2 and 3).

    With `gate="constant"` the paper's rule runs with its gates held fixed: theta_t = eta, eta_t = beta,
    alpha_t = lam. The memory's shape and its `scale` sit in `memory`.
    """

    scenario: str = "text"
    tokens: int = 2000
    tau: float = 0.3  # surprise threshold of the write gate
    beta: float = 0.7  # momentum of surprise
    lam: float = 1e-4  # decay per silent token (lambda)
    eta: float = 1e-3  # step size
    softness: float = 0.05  # width of the write gate's threshold
    normaliser: str = "excess"
    gate: str = "surprise"
    seed: int = 0
    memory: MemoryConfig = field(default_factory=lambda: MemoryConfig.preset("recipe"))

    def __post_init__(self) -> None:
        make_plain(self)
        check_choice("scenario", self.scenario, SCENARIO_NAMES)
        check_integer("tokens", self.tokens, 1, 10_000_000)
        for name, (low, high) in SETTING_RANGES.items():
            check_number(name, getattr(self, name), low, high)
        check_choice("normaliser", self.normaliser, NORMALISER_NAMES)
        check_choice("gate", self.gate, SIMULATION_GATE_NAMES)
        check_integer("seed", self.seed, 0, 2**31 - 1)
        if not isinstance(self.memory, MemoryConfig):
            raise ConfigError(f"memory must be a MemoryConfig, not {type(self.memory).__name__}")

    def with_memory(self, **changes: object) -> SimulationConfig:
        """The same run with some fields of its memory changed."""
        return replace(self, memory=replace(self.memory, **changes))

    def to_dict(self) -> dict:
        """Plain nested dict, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict) -> SimulationConfig:
        """The inverse of `to_dict`; raises ConfigError for unknown names."""
        if not isinstance(settings, dict) or not isinstance(settings.get("memory", {}), dict):
            raise ConfigError(f"settings must be an object of names and values, its memory too, not {show(settings)}")
        memory = settings.get("memory", {})
        known = cls.__dataclass_fields__.keys(), MemoryConfig.__dataclass_fields__.keys()
        unknown = [name for name in settings if name not in known[0]]
        unknown += [f"memory.{name}" for name in memory if name not in known[1]]
        if unknown:
            raise ConfigError(f"unknown setting {unknown[0]!r}; known are {', '.join(known[0])}")
        return cls(**{**settings, "memory": MemoryConfig(**memory)})


SETTING_RANGES: dict[str, tuple[float, float]] = {
    "tau": (0.0, 1.0),
    "beta": (0.0, 1.0),
    "lam": (0.0, 1.0),
    "eta": (0.0, 10.0),
    "softness": (1e-4, 10.0),
}
