"""MirasMemory: the module around the memory of `NeuralMemory`, with any memory of the design space inside."""

from __future__ import annotations

from torch import Tensor, nn

from ..config import MemoryConfig
from ..errors import check_integer
from ..memory import NeuralMemory
from ..memory.chunk import Fast, Record, Tokens
from .architecture import ARCHITECTURES, Architecture
from .config import MirasConfig
from .general import GeneralRule, answer, initial_carry, miras_step
from .rule import make_gate, make_rule


class MirasMemory(NeuralMemory):
    """x (b, t, dim) -> (output (b, t, dim), MemoryState), with the promises of NeuralMemory.

    `miras` is the inner rule; `config` the sizes, chunk and clip (its `gate` is not used; `depth` and `activation`
    are those of architecture mlp). `gate` replaces the gate and `architecture` the memory, for instance by
    `from_module(any module)`. `seed` is that of retention privacy's noise: states made from the same seed share it.
    What one token may tell is `epsilon(sigma, heads=config.heads, conv=config.conv)`: it touches that many pairs.
    """

    def __init__(
        self,
        config: MemoryConfig,
        miras: MirasConfig,
        *,
        gate: nn.Module | None = None,
        architecture: Architecture | None = None,
        seed: int = 0,
    ) -> None:
        self.miras = miras
        self.architecture = architecture or ARCHITECTURES[miras.architecture].build(config)
        self.seed = check_integer("seed", seed, 0, 2**63 - 1)
        super().__init__(config, gate=make_gate(config, miras, gate))
        _ = self.rule  # reports settings that do not fit before the first token

    @property
    def rule(self) -> GeneralRule:
        """The fixed parts of the update."""
        return make_rule(self.config, self.miras, self.gate, architecture=self.architecture)

    def answer(self, weights: tuple[Tensor, ...], queries: Tensor) -> Tensor:
        """What fast weights of this memory answer to queries (n, c, d), without a write: (n, c, d)."""
        return answer(weights, queries, self.rule)

    def _initial_weights(self) -> list[Tensor]:
        return self.architecture.initial(self.config.heads, None)

    def _initial_momentum(self, weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return initial_carry(weights, self.rule, self.seed)

    def _chunk(self, fast: Fast, tokens: Tokens, ends: bool) -> tuple[Tensor | None, Fast, Record]:
        return miras_step(fast, tokens, self.rule, ends=ends)
