"""The gate of a MIRAS memory: one of the gates of Titans, with the numbers that the other choices hold fixed."""

import math

import torch
from torch import Tensor, nn

from ..memory.gates import ConstantGate, Gates, GateState, LearnedGate, SurpriseGate
from ..memory.state import Tokens
from .choice import Choice, equation, recipe


class ChannelGate(nn.Module):
    """theta and alpha for each feature of a head's key: sigmoids of a linear map of the token. GLA, RWKV-7.

    Gates theta and alpha are (n, c, width), with which a matrix's columns are scaled. There is no momentum.
    """

    ignores_surprise = per_channel = True

    def __init__(self, dim: int, heads: int, width: int, theta: float, alpha: float) -> None:
        super().__init__()
        self.features, self.width, self.theta_max = 2 * width, width, max(1.0, theta)
        self.linear = nn.Linear(dim, self.features * heads)
        start = torch.tensor([theta / self.theta_max, alpha]).clamp(1e-6, 0.99).logit()
        with torch.no_grad():
            self.linear.weight.mul_(0.1)
            self.linear.bias.copy_(start.repeat_interleave(width).repeat(heads))

    def project(self, x: Tensor) -> Tensor:
        """x (b, t, dim) -> logits (b, t, heads * features), head-major."""
        return self.linear(x)

    def forward(self, raw: Tensor, features: Tensor, state: GateState) -> tuple[Gates, GateState]:
        """features (n, c, 2 width) -> (Gates, unchanged GateState)."""
        g_write, alpha = torch.sigmoid(features).split(self.width, dim=-1)
        return Gates(self.theta_max * g_write, None, alpha, g_write, alpha), state


def mean_of_channels(gates: Gates) -> Gates:
    """Gates per token (n, c), also where they were decided for each feature."""
    return Gates(*(part if part is None or part.dim() == 2 else part.mean(-1) for part in gates))


# Each takes dim, heads, features of a key, theta, eta, alpha.
GATES: dict[str, Choice] = {
    "constant": Choice(
        lambda dim, heads, width, theta, eta, alpha: ConstantGate(theta=theta, eta=eta, alpha=alpha),
        "the same for every token", "theta, eta, alpha fixed", "TTT",
    ),
    "learned": Choice(
        lambda dim, heads, width, theta, eta, alpha: LearnedGate(
            dim, heads, theta_max=max(1.0, theta), stretch=0.1, theta=theta, eta=eta, alpha=alpha
        ),
        "learned from the token", "theta_max sigmoid(w.x), sigmoid(w.x), sigmoid(w.x)", equation("13-14"),
    ),
    "surprise": Choice(
        lambda dim, heads, width, theta, eta, alpha: SurpriseGate(eta=theta, lam=alpha),
        "opened by surprise", "theta g_write, alpha (1 - g_write)", recipe("2.2"),
    ),
    "channels": Choice(
        lambda dim, heads, width, theta, eta, alpha: ChannelGate(dim, heads, width, theta, alpha),
        "learned from the token, for each feature of the key", "theta_i, alpha_i = sigmoid(w_i.x)",
        "GLA (arXiv 2312.06635), RWKV-7 (arXiv 2503.14456)",
    ),
}  # fmt: skip


class MirasGate(nn.Module):
    """A gate with eta and alpha as algorithm and retention want them, and what else is learned from the token.

    `eta`: momentum for a gate that decides none (None: there is no momentum at all). `alpha`: a fixed share to
    forget (None: the gate's). `delta`: the start of a threshold that is softplus of a linear map of the token; its
    logit is the last of the features. `asks`: numbers a head that the algorithm wants of the token, the features
    before that; they start near 0.
    """

    def __init__(self, gate: nn.Module, *, eta=None, alpha=None, delta=None, asks=0, dim=1, heads=1) -> None:
        super().__init__()
        self.gate, self.eta, self.alpha, self.heads, self.asks = gate, eta, alpha, heads, asks
        self.features = gate.features + asks + (delta is not None)
        self.ignores_surprise = getattr(gate, "ignores_surprise", False)
        self.per_channel = getattr(gate, "per_channel", False)
        self.more = self._linear(dim, asks, 0.0) if asks else None
        self.delta = None
        if delta is not None:
            self.delta = self._linear(dim, 1, delta + math.log(-math.expm1(-delta)))  # softplus of it is delta

    def _linear(self, dim: int, numbers: int, start: float) -> nn.Linear:
        linear = nn.Linear(dim, self.heads * numbers)
        with torch.no_grad():
            linear.weight.mul_(0.1)
            linear.bias.fill_(start)
        return linear

    def project(self, x: Tensor) -> Tensor:
        """x (b, t, dim) -> the features (b, t, heads * features), head-major."""
        own = self.gate.project(x)
        others = [linear(x) for linear in (self.more, self.delta) if linear is not None]
        if not others:
            return own
        parts = [part.reshape(*x.shape[:-1], self.heads, part.shape[-1] // self.heads) for part in (own, *others)]
        return torch.cat(parts, dim=-1).flatten(-2)

    def asked(self, tokens: Tokens) -> Tensor:
        """(n, c, asks): what the algorithm wants of each token."""
        if not self.asks:
            return tokens.keys.new_zeros(*tokens.keys.shape[:2], 0)
        return tokens.features[..., self.gate.features : self.gate.features + self.asks]

    def forward(self, raw: Tensor, features: Tensor | None, state: GateState) -> tuple[Gates, GateState]:
        """raw (n, c) surprise, features (n, c, features) -> (Gates, next GateState)."""
        own = features if self.features == self.gate.features else features[..., : self.gate.features]
        gates, state = self.gate(raw, own, state)
        if self.eta is None:
            gates = gates._replace(eta=None)
        elif gates.eta is None:
            gates = gates._replace(eta=torch.full_like(raw, self.eta))
        if self.alpha is not None:
            alpha = torch.full_like(raw, self.alpha)
            gates = gates._replace(alpha=alpha, g_forget=alpha)
        return gates, state
