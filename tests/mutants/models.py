"""Language models that are wrong on purpose, in ways that others have shipped."""

import torch

from titans_mini import TitansLM
from titans_mini.models.attention import SlidingWindow
from titans_mini.models.variants import LMM, MAC, MAG, NOBODY, LayerState


class LeakyMAC(MAC):
    """The paper's MAC read literally: what memory says to a token may be seen by the tokens before it."""

    def _attend(self, x, state, mode):
        mixed = x + 0.1 * x.mean(1, keepdim=True)  # h of the whole segment reaches every token
        return super()._attend(mixed, state, mode)


class LateReadMAC(MAC):
    """All tokens of a segment are gated by the read after its last write."""

    def _piece(self, x, state, mode, watch):
        out, after = super()._piece(x, state, mode, watch)
        return out[:, -1:].expand_as(out), after


class SilentWriteMAC(MAC):
    """Writes into a memory that it then throws away."""

    def forward(self, x, state, mode="on", watch=NOBODY):
        out, after = super().forward(x, state, "frozen" if mode == "on" else mode, watch)
        return out, after


class RestartingMAC(MAC):
    """Begins a new segment at every call."""

    def forward(self, x, state, mode="on", watch=NOBODY):
        return super().forward(x, state._replace(window=self._empty(len(x))), mode, watch)


class SharedRows(MAG):
    """Every row reads the first row's memory."""

    def forward(self, x, state, mode="on", watch=NOBODY):
        out, after = super().forward(x, state, mode, watch)
        recalled, _ = self.memory(x[:1].expand_as(x), state.memory)
        return out + 0.1 * recalled, after


class DetachedRead(LMM):
    """No gradient flows through what was recalled."""

    def forward(self, x, state, mode="on", watch=NOBODY):
        out, after = super().forward(x, state, mode, watch)
        return out.detach(), after


class FutureWindow(SlidingWindow):
    """A window that is centred on the token."""

    def _mask(self, places, blocks, seen):
        return super()._mask(places, blocks, seen).roll(self.window // 2, dims=-1)


class FutureMAG(MAG):
    """Attention looks ahead."""

    def __init__(self, config):
        super().__init__(config)
        self.attention = FutureWindow(config.dim, config.heads, config.window, config.persistent)


class ForgetfulMAG(MAG):
    """The window is empty at the start of every call."""

    def forward(self, x, state, mode="on", watch=NOBODY):
        empty = self.attention.initial_state(len(x))
        return super().forward(x, LayerState(state.memory, empty), mode, watch)


def model_with(mixer) -> type[TitansLM]:
    """A TitansLM whose layers mix by `mixer`."""

    class Mutant(TitansLM):
        def __init__(self, config):
            super().__init__(config)
            for index, layer in enumerate(self.layers):
                torch.manual_seed(index)
                layer.mixer = mixer(config)

    return Mutant
