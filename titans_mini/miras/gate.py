"""The gate of a MIRAS memory: one of the gates of Titans, with the numbers that the other choices hold fixed."""

import math

import torch
from torch import Tensor, nn

from ..memory.gates import ConstantGate, Gates, GateState, LearnedGate, SurpriseGate
from .choice import Choice, equation, recipe

# Each takes dim, heads, theta, eta, alpha.
GATES: dict[str, Choice] = {
    "constant": Choice(
        lambda dim, heads, theta, eta, alpha: ConstantGate(theta=theta, eta=eta, alpha=alpha),
        "the same for every token", "theta, eta, alpha fixed", "TTT",
    ),
    "learned": Choice(
        lambda dim, heads, theta, eta, alpha: LearnedGate(
            dim, heads, theta_max=max(1.0, theta), stretch=0.1, theta=theta, eta=eta, alpha=alpha
        ),
        "learned from the token", "theta_max sigmoid(w.x), sigmoid(w.x), sigmoid(w.x)", equation("13-14"),
    ),
    "surprise": Choice(
        lambda dim, heads, theta, eta, alpha: SurpriseGate(eta=theta, lam=alpha),
        "opened by surprise", "theta g_write, alpha (1 - g_write)", recipe("2.2"),
    ),
}  # fmt: skip


class MirasGate(nn.Module):
    """A gate with eta and alpha as algorithm and retention want them, and a learned delta where the bias has one.

    `eta`: momentum for a gate that decides none (None: there is no momentum at all). `alpha`: a fixed share to
    forget (None: the gate's). `delta`: the start of a threshold that is softplus of a linear map of the token; its
    logit is the last of the features.
    """

    def __init__(self, gate: nn.Module, *, eta=None, alpha=None, delta=None, dim=1, heads=1) -> None:
        super().__init__()
        self.gate, self.eta, self.alpha, self.heads = gate, eta, alpha, heads
        self.features = gate.features + (delta is not None)
        self.ignores_surprise = getattr(gate, "ignores_surprise", False)
        self.delta = None
        if delta is not None:
            self.delta = nn.Linear(dim, heads)
            with torch.no_grad():
                self.delta.weight.mul_(0.1)
                self.delta.bias.fill_(delta + math.log(-math.expm1(-delta)))  # softplus of it is delta

    def project(self, x: Tensor) -> Tensor:
        """x (b, t, dim) -> the features (b, t, heads * features), head-major."""
        found = self.gate.project(x)
        if self.delta is None:
            return found
        per_head = found.unflatten(-1, (self.heads, self.gate.features))
        return torch.cat([per_head, self.delta(x).unsqueeze(-1)], dim=-1).flatten(-2)

    def forward(self, raw: Tensor, features: Tensor | None, state: GateState) -> tuple[Gates, GateState]:
        """raw (n, c) surprise, features (n, c, features) -> (Gates, next GateState)."""
        own = features if self.delta is None else features[..., :-1]
        gates, state = self.gate(raw, own, state)
        if self.eta is None:
            gates = gates._replace(eta=None)
        elif gates.eta is None:
            gates = gates._replace(eta=torch.full_like(raw, self.eta))
        if self.alpha is not None:
            alpha = torch.full_like(raw, self.alpha)
            gates = gates._replace(alpha=alpha, g_forget=alpha)
        return gates, state
