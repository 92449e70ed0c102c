"""The gates: what decides, for each token, how much is written, carried and forgotten.

A gate turns a chunk's surprise (and, for the learned one, its features) into theta, eta and alpha of the one
recurrence S_t = eta_t S_{t-1} - theta_t grad_t, M_t = (1 - alpha_t) M_{t-1} + S_t. All per row n and token c.

A gate of your own is any module with `features`, the numbers that it needs per token and head; `project(x)`, which
makes them from the input; and `forward(raw, features, state)`, which returns (Gates, next GateState). Training is
faster if it has `ignores_surprise = True`: then it is asked once for many chunks, and the values of `raw` are zeros.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..errors import check_choice
from .scan import average_scan, before, last

HORIZON = 256  # tokens over which surprise's running statistics average
STD_FLOOR = 0.05  # least standard deviation, as a share of the mean


class GateState(NamedTuple):
    """Running statistics of surprise over the tokens so far, each (n, 1)."""

    count: Tensor  # tokens measured
    mean: Tensor  # of raw surprise
    variance: Tensor
    peak: Tensor  # largest raw surprise so far
    smoothed: Tensor  # S of the recipe, smoothed surprise


class Gates(NamedTuple):
    """Per token (n, c). `eta` is None where the rule has no momentum, which saves its products."""

    theta: Tensor  # step size
    eta: Tensor | None  # momentum carried
    alpha: Tensor  # share forgotten
    g_write: Tensor  # 0..1
    g_forget: Tensor  # 0..1
    surprise: Tensor | None = None  # normalised, 0..1
    smoothed: Tensor | None = None  # S of the recipe


def initial_gate_state(rows: int, like: Tensor) -> GateState:
    """The state that has measured nothing, with dtype and device of `like`."""
    return GateState(*(like.new_zeros(rows, 1) for _ in GateState._fields))


# How raw surprise becomes a number from 0 to 1; the recipe leaves it open, so there are four answers. Each takes
# (n, c) raw surprise, its standard score and the peak; score and peak are measured against earlier tokens only.
NORMALISERS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    # how far above the running mean, in units of four standard deviations
    "excess": lambda raw, score, peak: (score * 0.25).clamp(0.0, 1.0),
    "zsigmoid": lambda raw, score, peak: torch.sigmoid(score),
    "running_max": lambda raw, score, peak: (raw / peak.clamp_min(1e-12)).clamp(0.0, 1.0),  # share of the largest
    "fixed": lambda raw, score, peak: torch.tanh(raw),
}


class SurpriseGate(nn.Module):
    """The recipe's gate: write where smoothed surprise passes a threshold, else forget a little.

    smoothed_t = beta smoothed_{t-1} + (1 - beta) surprise_t; g_write = sigmoid((smoothed_t - tau) / softness);
    g_forget = 1 - g_write; theta_t = eta g_write; alpha_t = lam g_forget. The recipe writes S_t for smoothed_t.
    Settings are numbers, or (n, 1) tensors with one setting a row.
    Recipe: 2.2. Differs: the normaliser is ours, since the article names none.
    """

    features = 0  # numbers per token and head that this gate takes from the input

    def __init__(self, *, tau=0.3, beta=0.7, lam=1e-4, eta=1e-3, softness=0.05, normaliser: str = "excess") -> None:
        super().__init__()
        check_choice("normaliser", normaliser, NORMALISERS)
        self.normaliser = normaliser
        for name, value in dict(tau=tau, beta=beta, lam=lam, eta=eta, softness=softness).items():
            self.register_buffer(name, _setting(value))

    def measure(self, raw: Tensor, state: GateState) -> tuple[Tensor, Tensor, GateState]:
        """raw (n, c) -> (surprise, smoothed) of each token, each (n, c), and the next state.

        Mean and variance are exponential averages of the last HORIZON tokens, plain ones while there are fewer. They
        start at zero, so the very first token counts as wholly surprising.
        """
        seen = state.count + torch.ones_like(raw).cumsum(-1)  # (n, c)
        rate = seen.reciprocal().clamp(1 / HORIZON, 1.0)
        means = average_scan(rate, raw, state.mean)
        mean = before(means, state.mean)  # of the tokens before each
        deviation = raw - mean
        # (raw - mean before)(raw - mean after) is the form that needs no second pass (Welford). `reference` writes the
        # same as (1 - rate)(variance + rate deviation^2), since raw - mean after = (1 - rate) deviation.
        variances = average_scan(rate, deviation * (raw - means), state.variance)
        variance = before(variances, state.variance)
        peaks = torch.maximum(raw.cummax(-1).values, state.peak)
        std = torch.maximum(variance.clamp_min(1e-24).sqrt(), mean * STD_FLOOR)
        surprise = NORMALISERS[self.normaliser](raw, deviation / std, before(peaks, state.peak))
        smoothed = average_scan(1 - _like(raw, self.beta), surprise, state.smoothed)
        return surprise, smoothed, GateState(*map(last, (seen, means, variances, peaks, smoothed)))

    def forward(self, raw: Tensor, features: Tensor | None, state: GateState) -> tuple[Gates, GateState]:
        """raw (n, c) surprise -> (Gates, next GateState)."""
        surprise, smoothed, state = self.measure(raw, state)
        threshold, step, decay = (_like(raw, setting) for setting in (self.tau, self.eta, self.lam))
        excess = (smoothed - threshold) / _like(raw, self.softness)
        g_write, g_forget = torch.sigmoid(excess), torch.sigmoid(-excess)  # they add up to 1
        return Gates(step * g_write, None, decay * g_forget, g_write, g_forget, surprise, smoothed), state

    def project(self, x: Tensor) -> Tensor:
        """The features of x (b, t, dim): none."""
        return x.new_zeros(*x.shape[:-1], 0)


def _setting(value: object) -> Tensor:
    """A number in torch's default dtype; a float tensor keeps its own."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return value
    return torch.as_tensor(value, dtype=torch.get_default_dtype())


def _like(raw: Tensor, setting: Tensor) -> Tensor:
    """A setting in the memory's own dtype."""
    return setting if setting.dtype == raw.dtype else setting.to(raw.dtype)


class ConstantGate(nn.Module):
    """The paper's rule with theta, eta and alpha held fixed: numbers, or (n, 1) tensors with one setting a row."""

    features = 0
    ignores_surprise = True

    def __init__(self, *, theta=1e-3, eta=0.7, alpha=1e-4) -> None:
        super().__init__()
        for name, value in dict(theta=theta, eta=eta, alpha=alpha).items():
            self.register_buffer(name, _setting(value))

    def forward(self, raw: Tensor, features: Tensor | None, state: GateState) -> tuple[Gates, GateState]:
        """raw (n, c) only gives the shape -> (Gates, unchanged GateState)."""
        theta, eta, alpha = (_like(raw, value).expand_as(raw) for value in (self.theta, self.eta, self.alpha))
        return Gates(theta, eta, alpha, torch.ones_like(raw), alpha), state

    def project(self, x: Tensor) -> Tensor:
        """The features of x (b, t, dim): none."""
        return x.new_zeros(*x.shape[:-1], 0)


class LearnedGate(nn.Module):
    """A learned gate: theta, eta and alpha are sigmoids of a linear map of the token, one set per head.

    Paper: eq. 13-14, which let the three depend on the token and do not say how; sigmoids of a linear map are this
    project's choice. An untrained gate is near `theta`, `eta` and `alpha`, exactly so at x = 0. With `stretch` > 0
    each sigmoid is widened by that much at both ends and clipped to 0..1, so that a gate can reach exactly 0 or 1.
    With `eta` None there is no momentum.
    """

    ignores_surprise = True

    def __init__(
        self, dim: int, heads=1, *, theta_max=1.0, stretch=0.0, theta=0.1, eta: float | None = 0.5, alpha=0.01
    ) -> None:
        super().__init__()
        self.theta_max, self.stretch = theta_max, stretch
        start = torch.tensor([value for value in (theta / theta_max, eta, alpha) if value is not None])
        self.features = len(start)
        self.linear = nn.Linear(dim, self.features * heads)
        start = ((start + stretch) / (1 + 2 * stretch)).logit()
        with torch.no_grad():
            self.linear.weight.mul_(0.1)
            self.linear.bias.copy_(start.repeat(heads))

    def project(self, x: Tensor) -> Tensor:
        """x (b, t, dim) -> logits (b, t, heads * features), head-major."""
        return self.linear(x)

    def forward(self, raw: Tensor, features: Tensor, state: GateState) -> tuple[Gates, GateState]:
        """features (n, c, 3 or 2) -> (Gates, unchanged GateState); surprise plays no part."""
        values = torch.sigmoid(features)
        if self.stretch:
            values = (values * (1 + 2 * self.stretch) - self.stretch).clamp(0, 1)
        g_write, *eta, alpha = values.unbind(-1)  # (n, c) each
        eta = eta[0] if eta else None
        return Gates(self.theta_max * g_write, eta, alpha, g_write, alpha), state
