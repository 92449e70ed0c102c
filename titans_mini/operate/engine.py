"""Engines: what a runner drives. Each reads one stream a piece at a time and reports what its memories did.

    engine.start() -> state              engine.read(piece, state) -> Reading
                                         engine.check(piece) -> piece: ConfigError for what it cannot read

`LanguageEngine` reads ids with a TitansLM, `MemoryEngine` reads vectors with a NeuralMemory, `RecipeEngine` reads
bytes with the recipe's memory, as `simulate` does. States are values, of one row; nothing is recorded for a backward
pass. m memories count head by head. Pieces may lie on any device; states and outputs lie on the engine's.
"""

from dataclasses import asdict
from typing import NamedTuple

import torch
from torch import Tensor

from ..config import MemoryConfig, SimulationConfig
from ..data.encode import BLANK, CONTEXT, Encoder
from ..data.scenarios import Stream, to_bytes
from ..data.text import bundled_text
from ..devices import usable_device
from ..errors import ConfigError
from ..memory import NeuralMemory
from ..memory.chunk import Fast, Record
from ..memory.gates import SurpriseGate
from ..memory.mlp import Weights
from ..memory.state import MemoryState
from ..memory.tree import join, map_tree
from ..models.model import ModelState, TitansLM
from ..simulation import run_stream, start_fast


class Reading(NamedTuple):
    """What reading a piece of t tokens gave, with the numbers of all m memories, which lie on the CPU."""

    output: Tensor | None  # (1, t, ...): logits, or what the memory said
    state: NamedTuple
    raw: Tensor  # (m, t) ||grad|| / sqrt(d)
    loss: Tensor  # (m, t) ||M(k) - v||^2 at the weights of the chunk's start, over the square norm of keys
    g_write: Tensor | None  # (m, t) of the recipe's gate; None if another gate decides
    silence: Tensor | None = None  # (m, t) the loss of a memory that answers 0: ||v||^2, over the square norm of keys


def _reading(output: Tensor | None, state, records: list[Record], norm: float, *, memories=1, recipe=True) -> Reading:
    """The numbers in the records of some memories; each memory has as many of them, one after the other."""
    size = len(records) // memories
    rows = [join(records[at : at + size]) for at in range(0, len(records), size)]
    raw, loss, silence = (torch.cat([getattr(row, name) for row in rows]).cpu() for name in ("raw", "loss", "silence"))
    g_write = torch.cat([row.gates.g_write for row in rows]).cpu() if recipe else None
    return Reading(output, state, raw, loss / norm**2, g_write, silence / norm**2)


def _check_ids(piece: Tensor, vocab_size: int) -> None:
    """ConfigError unless `piece` is (t,) int64, t at least 1, with ids below `vocab_size`."""
    if not isinstance(piece, Tensor) or piece.dim() != 1 or piece.dtype != torch.int64 or not len(piece):
        raise ConfigError("piece must be int64 (t,) with at least 1 token, not {kind}", kind=_kind(piece))
    least, most = map(int, piece.aminmax())
    if least < 0 or most >= vocab_size:
        wrong = least if least < 0 else most
        raise ConfigError("piece must hold ids from 0 to {high}, not {wrong}", high=vocab_size - 1, wrong=wrong)


def _kind(piece: object) -> str:
    return f"{piece.dtype} {tuple(piece.shape)}" if isinstance(piece, Tensor) else type(piece).__name__


class _ModuleEngine:
    """What the engines of a model and of a memory share: a module whose memories hand out their records."""

    predicts = False  # whether outputs are logits of the next token, so that perplexity can be measured

    def __init__(self, module: TitansLM | NeuralMemory, config: MemoryConfig) -> None:
        self.module, self.norm, self.width = module, config.norm, config.head_dim
        self.memories = [part for part in module.modules() if isinstance(part, NeuralMemory)]
        self.recipe = all(isinstance(memory.gate, SurpriseGate) for memory in self.memories)

    def _here(self, piece: Tensor) -> Tensor:
        return piece.to(next(self.module.parameters()).device)

    @torch.no_grad()
    def start(self) -> NamedTuple:
        """The state that has read nothing."""
        return self.module.initial_state(1)

    @torch.no_grad()
    def read(self, piece: Tensor, state: NamedTuple) -> Reading:
        """Reads and writes. Raises DivergenceError if a number is not finite, ConfigError as `check` does."""
        piece, records = self.check(piece), []
        output, state = self.module(piece.unsqueeze(0), state, trace=records)
        return _reading(output, state, records, self.norm, memories=len(self.memories), recipe=self.recipe)


class LanguageEngine(_ModuleEngine):
    """A TitansLM. Pieces are ids (t,) int64, outputs logits (1, t, vocab), states ModelState."""

    predicts = True

    def __init__(self, lm: TitansLM) -> None:
        super().__init__(lm, lm.config.memory)
        self.lm = lm
        if not self.memories:
            raise ConfigError("memory_layers must name at least 1 layer for a run to be watched")

    def check(self, piece: Tensor) -> Tensor:
        """The piece on the model's device; ConfigError for one that this engine cannot read."""
        _check_ids(piece, self.lm.config.vocab_size)
        return self._here(piece)

    @torch.no_grad()
    def recall(self, piece: Tensor, state: ModelState) -> tuple[Tensor, ModelState]:
        """Reads with the memories as they are: nothing is written."""
        return self.lm(self.check(piece).unsqueeze(0), state, memory="frozen")

    def fast(self, state: ModelState) -> list[Weights]:
        """The fast weights of each memory."""
        return [layer.memory.weights for layer in state.layers if layer.memory is not None]

    def identity(self) -> tuple[dict, dict[str, Tensor]]:
        """Settings and outer weights: what a state of this engine belongs to."""
        return asdict(self.lm.config), self.lm.state_dict()


class MemoryEngine(_ModuleEngine):
    """A NeuralMemory without a model. Pieces are vectors (t, dim), outputs (1, t, dim), states MemoryState."""

    def __init__(self, memory: NeuralMemory) -> None:
        super().__init__(memory, memory.config)
        self.memory = memory

    def check(self, piece: Tensor) -> Tensor:
        """As in LanguageEngine; `read` finds numbers that are not finite."""
        dim = self.memory.config.dim
        fits = isinstance(piece, Tensor) and piece.dim() == 2 and piece.shape[1] == dim and piece.is_floating_point()
        if not fits or not len(piece):
            text = "piece must be vectors (t, {dim}) with at least 1 token, not {kind}"
            raise ConfigError(text, dim=dim, kind=_kind(piece))
        return self._here(piece)

    def fast(self, state: MemoryState) -> list[Weights]:
        """The fast weights, one memory."""
        return [state.weights]

    def identity(self) -> tuple[dict, dict[str, Tensor]]:
        """Settings and outer weights."""
        return asdict(self.memory.config) | {"gate": repr(self.memory.gate)}, self.memory.state_dict()


class RecipeState(NamedTuple):
    """The recipe's memory between two pieces of bytes."""

    fast: Fast
    context: Tensor  # (CONTEXT,) int64: the bytes just read
    tokens_seen: Tensor  # (1,) int64


class RecipeEngine:
    """The recipe's memory over bytes, with the keys and values of `simulate`. Pieces are ids (t,) int64.

    `simulate` counts byte frequencies over its scenario, this over the bundled text. Recipe: 2.2.
    Keys and values are made on the CPU, so that the memory reads the same on any `device`.
    """

    predicts, recipe = False, True

    def __init__(self, config: SimulationConfig | None = None, *, device: str = "cpu") -> None:
        self.config = config = config or SimulationConfig()
        self.device = usable_device(device)
        if (config.gate, config.encoding, config.memory.chunk) != ("surprise", "fixed", 1):
            raise ConfigError("a recipe's stream needs gate surprise, encoding fixed and chunk 1")
        self.encoder = Encoder(to_bytes(bundled_text()), config.memory.dim, config.seed)
        self.width = config.memory.dim

    @torch.no_grad()
    def start(self) -> RecipeState:
        """The state that has read nothing."""
        context, count = torch.full((CONTEXT,), BLANK, device="cpu"), torch.zeros(1, dtype=torch.int64, device="cpu")
        return map_tree(lambda part: part.to(self.device), RecipeState(start_fast(self.config), context, count))

    def check(self, piece: Tensor) -> Tensor:
        """The piece on the CPU; ConfigError for one that this engine cannot read."""
        _check_ids(piece, 256)
        return piece.cpu()

    @torch.no_grad()
    def read(self, piece: Tensor, state: RecipeState) -> Reading:
        """Writes each byte; nothing is asked, so there is no output. Raises ConfigError as `check` does."""
        piece, memory = self.check(piece), self.config.memory
        ids = torch.cat([state.context.cpu(), piece])
        keys, values = (part[CONTEXT:] for part in self.encoder(ids))  # (t, dim)
        fast, record = run_stream([self.config], Stream(piece, keys, values, ()), state.fast)
        silence = (values.unsqueeze(0) * memory.norm).square().sum(-1)
        context = ids[-CONTEXT:].to(self.device, copy=True)
        state = RecipeState(fast, context, state.tokens_seen + len(piece))
        return _reading(None, state, [record._replace(silence=silence)], memory.norm)

    def fast(self, state: RecipeState) -> list[Weights]:
        """The fast weights, one memory."""
        return [state.fast.weights]

    def identity(self) -> tuple[dict, dict[str, Tensor]]:
        """Settings; there are no outer weights."""
        return {name: value for name, value in self.config.to_dict().items() if name not in ("tokens", "scenario")}, {}


Engine = LanguageEngine | MemoryEngine | RecipeEngine
