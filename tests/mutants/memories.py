"""Wrong memories."""

import torch

from titans_mini import NeuralMemory


class SymmetricConvolution(NeuralMemory):
    """The convolution's window reaches one token ahead, as symmetric padding makes it."""

    def _project(self, x, tail, count=None):
        ahead = torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)
        return super()._project(ahead, tail, count)


class SharedRows(NeuralMemory):
    """All rows of a batch write into one memory, their mean."""

    def forward(self, x, state=None, mask=None):
        out, state = super().forward(x, state, mask)
        return out, state._replace(weights=tuple(w.mean(0, keepdim=True).expand_as(w) for w in state.weights))


class DetachedValues(NeuralMemory):
    """No gradient reaches the value projection."""

    def _project(self, x, tail, count=None):
        tokens, tail = super()._project(x, tail, count)
        return tokens._replace(values=tokens.values.detach()), tail


class DetachedKeys(NeuralMemory):
    """No gradient reaches the key projection."""

    def _project(self, x, tail, count=None):
        tokens, tail = super()._project(x, tail, count)
        return tokens._replace(keys=tokens.keys.detach()), tail


class DetachedGate(NeuralMemory):
    """No gradient reaches the gate."""

    def _project(self, x, tail, count=None):
        tokens, tail = super()._project(x, tail, count)
        return tokens._replace(features=tokens.features.detach()), tail


class ForgetsPending(NeuralMemory):
    """Tokens of an unfinished chunk are lost when the call ends."""

    def forward(self, x, state=None, mask=None):
        out, state = super().forward(x, state, mask)
        return out, state._replace(pending=self.initial_state(len(x)).pending)


class ForgetsConvolution(NeuralMemory):
    """Each call starts with an empty window of the convolution."""

    def forward(self, x, state=None, mask=None):
        out, state = super().forward(x, state, mask)
        return out, state._replace(conv=torch.zeros_like(state.conv))


class CountsPadding(NeuralMemory):
    """Counts padded tokens as seen."""

    def forward(self, x, state=None, mask=None):
        seen = 0 if state is None else state.tokens_seen
        out, state = super().forward(x, state, mask)
        return out, state._replace(tokens_seen=torch.zeros_like(state.tokens_seen) + seen + x.shape[1])


class PaddingIsZeros(NeuralMemory):
    """Padding is set to zero and then read like any token: it fills chunks, decays and moves the convolution."""

    def forward(self, x, state=None, mask=None):
        if mask is None:
            return super().forward(x, state)
        out, state = super().forward(x.masked_fill(~mask.unsqueeze(-1), 0), state)
        return out * mask.unsqueeze(-1), state


class WritesInPlace(NeuralMemory):
    """The next weights are written into the tensors of the state that was passed in."""

    def forward(self, x, state=None, mask=None):
        out, after = super().forward(x, state, mask)
        for old, new in zip(() if state is None else state.weights, after.weights, strict=False):
            old.detach().copy_(new)
        return out, after


class KeepsState(NeuralMemory):
    """The weights of one call are the start of the next, whoever calls."""

    kept = None

    def forward(self, x, state=None, mask=None):
        state = state or self.initial_state(len(x))
        if self.kept is not None and len(self.kept[0]) == len(state.weights[0]):
            state = state._replace(weights=self.kept)
        out, state = super().forward(x, state, mask)
        self.kept = state.weights
        return out, state
