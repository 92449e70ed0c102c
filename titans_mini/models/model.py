"""TitansLM: a small causal language model around a memory, and generation one token at a time."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError, check_choice
from ..memory.checks import Leaf, check_device, check_state, usable
from ..memory.state import Record
from .config import TitansConfig
from .variants import NOBODY, VARIANTS, LayerState, Mixed, Watch, WindowOnly

MODES = ("on", "frozen", "off")


class ModelState(NamedTuple):
    """One LayerState a layer, and the number of tokens read."""

    layers: tuple[LayerState, ...]
    tokens_seen: Tensor  # () int64


class Feedforward(nn.Module):
    """A gated two-layer perceptron (SwiGLU), hidden width 2 dim."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.to_hidden = nn.Linear(dim, 4 * dim, bias=False)
        self.to_out = nn.Linear(2 * dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x (b, t, dim) -> (b, t, dim)."""
        gate, value = self.to_hidden(x).chunk(2, dim=-1)
        return self.to_out(functional.silu(gate) * value)


class Layer(nn.Module):
    """A mixer (a variant, or only attention) and a feedforward part, each pre-normed on a residual stream."""

    def __init__(self, config: TitansConfig, has_memory: bool) -> None:
        super().__init__()
        self.mixer = VARIANTS[config.variant](config) if has_memory else WindowOnly(config)
        self.feedforward = Feedforward(config.dim)
        self.norms = nn.ModuleList(nn.RMSNorm(config.dim, eps=1e-6) for _ in range(2))
        self.previous = has_memory and config.memory_input == "previous"

    def initial_state(self, batch: int, mode: str = "on") -> LayerState:
        """The state that has read nothing."""
        weight = self.norms[0].weight
        last = weight.new_zeros(batch, 1, len(weight)) if self.previous else None
        return self.mixer.initial_state(batch, mode)._replace(last=last)

    def wanted_state(self, batch: int) -> LayerState:
        """What a state for `batch` rows must be like, for `check_state`."""
        weight = self.norms[0].weight
        last = Leaf(weight.dtype, ((batch, "batch"), (1, "tokens"), (len(weight), "dim"))) if self.previous else None
        return self.mixer.wanted_state(batch)._replace(last=last)

    def forward(self, x: Tensor, embedded: Tensor, state: LayerState, mode: str, watch: Watch = NOBODY) -> Mixed:
        """x, and the tokens' embeddings (b, t, dim) -> the same shape. Recipe: 2.1 for h_{t-1} + x_t."""
        more, last = {}, None
        if self.previous:
            more = {"read": self.norms[0](torch.cat([state.last, x[:, :-1]], dim=1) + embedded)}
            last = x[:, -1:]
        mixed, state = self.mixer(self.norms[0](x), state, mode, watch, **more)
        x = x + mixed
        return x + self.feedforward(self.norms[1](x)), state._replace(last=last)


class TitansLM(nn.Module):
    """ids (b, t) int64 -> (logits (b, t, vocab), state). Pass the state on to continue; see TitansConfig.

    `memory` says what the memories do: "on", "frozen" (they read the weights that they have and write
    nothing) or "off" (left out). With `copy`, what the memories recall also reaches the logits directly: its product
    with each token's embedding, times a gate of the token that it stands at (as neural cache models do, arXiv
    1612.04426). A list given as `trace` receives the Records of the memories, as in NeuralMemory:
    those of the first layer, then of the next.
    """

    def __init__(self, config: TitansConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab_size, config.dim)
        self.layers = nn.ModuleList(Layer(config, config.has_memory(i)) for i in range(config.layers))
        self.norm = nn.RMSNorm(config.dim, eps=1e-6)
        self.head = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.to_copy = nn.Linear(config.dim, 1) if config.copy else None

    def initial_state(self, batch: int, memory: str = "on") -> ModelState:
        """The state that has read nothing."""
        layers = tuple(layer.initial_state(batch, memory) for layer in self.layers)
        return ModelState(layers, torch.zeros((), dtype=torch.int64, device=self.head.weight.device))

    def forward(
        self, ids: Tensor, state: ModelState | None = None, *, memory: str = "on", trace: list[Record] | None = None
    ) -> tuple[Tensor, ModelState]:
        """See the class. Raises ConfigError for ids of a wrong shape or outside the vocabulary."""
        check_choice("memory", memory, MODES)
        self._check_ids(ids)
        state = self.initial_state(len(ids), memory) if state is None else self._checked(state, len(ids))
        x = embedded = self.embed(ids)
        layers, watch = [], Watch(trace, None if self.to_copy is None else [])
        for layer, before in zip(self.layers, state.layers, strict=True):
            x, after = layer(x, embedded, before, memory, watch)
            layers.append(after)
        x = self.norm(x)
        logits = self.head(x)
        if watch.recalled:  # there is a copy path, and memories that are not off
            heard = torch.stack(watch.recalled).sum(0) @ self.embed.weight.mT  # (b, t, vocab): which token it resembles
            logits = logits + functional.softplus(self.to_copy(x)) * heard
        return logits, ModelState(tuple(layers), state.tokens_seen + ids.shape[1])

    def _checked(self, state: ModelState, batch: int) -> ModelState:
        """The state, ready to use. Raises ConfigError, which says what differs, for one of another model."""
        layers = tuple(layer.wanted_state(batch) for layer in self.layers)
        check_state(state, ModelState(layers, Leaf(torch.int64)), self.head.weight.device)
        return usable(state)

    def _check_ids(self, ids: Tensor) -> None:
        if not isinstance(ids, Tensor) or ids.dim() != 2 or ids.dtype != torch.int64 or 0 in ids.shape:
            given = f"{ids.dtype} {tuple(ids.shape)}" if isinstance(ids, Tensor) else type(ids).__name__
            raise ConfigError("ids must be int64 (batch, tokens), at least 1 x 1, not {given}", given=given)
        check_device("ids", ids, self.head.weight.device)
        least, most = map(int, ids.aminmax())
        if least < 0 or most >= self.config.vocab_size:
            text = "ids must lie in 0..{top}, not {least}..{most}"
            raise ConfigError(text, top=self.config.vocab_size - 1, least=least, most=most)
