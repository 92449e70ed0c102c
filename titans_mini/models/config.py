"""Settings of a language model with a memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..config import GATE_NAMES, MemoryConfig
from ..errors import ConfigError, check_choice, show
from ..miras.config import PRESETS, MirasConfig
from ..settings import Settings, check_divides, check_switch, check_whole_numbers, choice, whole

VARIANT_NAMES = ("lmm", "mac", "mag", "mal")
OWN_RULE = "titans"  # the rule that `gate` and `momentum` belong to
MEMORY_INPUTS = ("hidden", "previous")
RULES = {"limits": (tuple(PRESETS),)}  # for the help text; a MirasConfig does as well


@dataclass(frozen=True)
class TitansConfig(Settings):
    """A small language model with a neural memory. Paper: section 4.

    `variant`: `lmm` (only a memory), `mac` (memory as context), `mag` (memory as gate), `mal` (memory as layer).
    For `mac` the segment is the memory's chunk, so `window` and `chunk` are equal.
    `memory_rule`: `titans`, another of `miras.PRESETS`, or a MirasConfig. A preset brings its own clip and scale; with
    a chunk above 1 its gradients are those at the chunk's start, which for a rule that is exact token by token is
    another rule. Depth counts only where a rule's memory is an MLP.
    `memory_input`: `hidden`, h_t (the paper's), or `previous`, h_{t-1} + x_t with the embedding x_t (recipe: 2.1).
    """

    variant: str = choice("mac", VARIANT_NAMES)  # mac: memory as context, mag: as gate, mal: as layer, lmm: memory only
    vocab_size: int = whole(256, 2, 1_000_000)  # different tokens
    dim: int = whole(64, 1, 8192)  # features of a token
    layers: int = whole(2, 1, 64)  # layers, each with a memory unless --memory-layers lists those that have one
    heads: int = whole(4, 1, 64)  # heads of attention
    window: int = whole(16, 1, 4096)  # tokens that attention sees; for mac, the length of a segment
    chunk: int = whole(16, 1, 1024)  # tokens that the memory learns from at the same start weights
    memory_depth: int = whole(2, 1, 4)  # weight matrices of a memory
    memory_heads: int = whole(1, 1, 64)  # memories side by side in a layer, each on its share of the features
    memory_rule: str | MirasConfig = field(default=OWN_RULE, metadata=RULES)  # what happens inside a memory
    memory_input: str = choice("hidden", MEMORY_INPUTS)  # previous: last token's hidden state plus this embedding
    gate: str = choice("learned", GATE_NAMES)  # learned: the paper's; surprise: the recipe's
    reach: tuple[int, ...] = ()  # last tokens that the keys of each memory head tell apart; none: keys of a convolution
    key_width: int = whole(512, 2, 8192)  # features of a memory's key, where there is a reach
    copy: bool = False  # let what a memory recalls reach the prediction directly, through the embedding
    momentum: bool = True  # whether the learned gate carries surprise over to the next tokens (eta)
    persistent: int = whole(4, 1, 1024)  # learned tokens that every token sees
    memory_layers: tuple[int, ...] | None = None  # layers that have a memory, counted from 0; none given: all

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.memory_rule, dict):  # of a card
            object.__setattr__(self, "memory_rule", MirasConfig(**self.memory_rule))
        if not isinstance(self.memory_rule, MirasConfig):
            check_choice("memory_rule", self.memory_rule, PRESETS)
        if self.memory_rule != OWN_RULE and (self.gate != "learned" or not self.momentum):
            text = "gate and momentum must be left out with memory_rule {rule}, which brings its own"
            raise ConfigError(text, rule=show(self.memory_rule))
        check_divides(self, "heads")
        check_divides(self, "memory_heads")
        if self.variant == "mac" and self.window != self.chunk:
            text = "window must equal chunk for mac, not {window} and {chunk}"
            raise ConfigError(text, window=self.window, chunk=self.chunk)
        if self.variant == "mac" and self.memory_input != "hidden":
            raise ConfigError("memory_input must be hidden for mac, whose memory reads what attention has seen")
        if self.memory_layers is not None:
            check_whole_numbers(self, "memory_layers", 0, self.layers - 1)
        check_switch(self, "copy")
        _ = self.memory  # checks what only it knows

    @property
    def memory(self) -> MemoryConfig:
        """The settings of each layer's memory."""
        same = {name: getattr(self, name) for name in ("dim", "chunk", "gate", "momentum", "reach", "key_width")}
        named = isinstance(self.memory_rule, str) and self.memory_rule != OWN_RULE
        brought = PRESETS[self.memory_rule].memory if named else {}
        return MemoryConfig(**{**brought, "heads": self.memory_heads, "depth": self.memory_depth, **same})

    @property
    def miras(self) -> MirasConfig | None:
        """The rule of the design space; None for the paper's own, which NeuralMemory has without one."""
        if self.memory_rule == OWN_RULE:
            return None
        return PRESETS[self.memory_rule].config if isinstance(self.memory_rule, str) else self.memory_rule

    def has_memory(self, layer: int) -> bool:
        """Whether that layer has a memory."""
        return self.memory_layers is None or layer in self.memory_layers
