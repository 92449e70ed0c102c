"""Wrong memories."""

import torch

from titans_mini import NeuralMemory


class SymmetricConvolution(NeuralMemory):
    """The convolution's window reaches one token ahead, as symmetric padding makes it."""

    def _project(self, x, tail):
        ahead = torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)
        return super()._project(ahead, tail)


class SharedRows(NeuralMemory):
    """All rows of a batch write into one memory, their mean."""

    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return out, state._replace(weights=tuple(w.mean(0, keepdim=True).expand_as(w) for w in state.weights))


class DetachedValues(NeuralMemory):
    """No gradient reaches the value projection."""

    def _project(self, x, tail):
        tokens, tail = super()._project(x, tail)
        return tokens._replace(values=tokens.values.detach()), tail


class DetachedKeys(NeuralMemory):
    """No gradient reaches the key projection."""

    def _project(self, x, tail):
        tokens, tail = super()._project(x, tail)
        return tokens._replace(keys=tokens.keys.detach()), tail


class DetachedGate(NeuralMemory):
    """No gradient reaches the gate."""

    def _project(self, x, tail):
        tokens, tail = super()._project(x, tail)
        return tokens._replace(features=tokens.features.detach()), tail


class ForgetsPending(NeuralMemory):
    """Tokens of an unfinished chunk are lost when the call ends."""

    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return out, state._replace(pending=self.initial_state(len(x)).pending, activity=None)


class ForgetsConvolution(NeuralMemory):
    """Each call starts with an empty window of the convolution."""

    def forward(self, x, state=None):
        out, state = super().forward(x, state)
        return out, state._replace(conv=torch.zeros_like(state.conv))


class WritesInPlace(NeuralMemory):
    """The next weights are written into the tensors of the state that was passed in."""

    def forward(self, x, state=None):
        out, after = super().forward(x, state)
        for old, new in zip(() if state is None else state.weights, after.weights, strict=False):
            old.detach().copy_(new)
        return out, after


class KeepsState(NeuralMemory):
    """The weights of one call are the start of the next, whoever calls."""

    kept = None

    def forward(self, x, state=None):
        state = state or self.initial_state(len(x))
        if self.kept is not None and len(self.kept[0]) == len(state.weights[0]):
            state = state._replace(weights=self.kept)
        out, state = super().forward(x, state)
        self.kept = state.weights
        return out, state
