"""Keys that tell contexts apart: random Fourier features of the last tokens, one step behind the value.

    k_t = (cos p_t, sin p_t) / sqrt(d / 2)        p_t = sum_{l = 1..r} c_l * (W x_{t-l})        v_t = norm(x_t V)

where * multiplies feature by feature and r is the head's reach. The product of two keys is near 1 where all r tokens
are alike, and near 0 where one of them is not: a sum of tokens, as the paper's convolution makes it, would be half
right there. So the pair of token t says what came after these r tokens, and its query asks what will come after the
last r, itself included: q_t = k_{t+1}. That makes the memory a cache of what followed, which also generalises.
Random features: Rahimi and Recht 2007, "Random features for large-scale kernel machines". The paper: eq. 11, without r.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..config import MemoryConfig

BANDWIDTH = 0.5  # spread of W: a token of norm sqrt(64) turns most phases by more than half a circle
TAPS = 0.5, 1.5  # sizes of c: none is near 0, since a phase that hardly feels one of the tokens takes them for alike


class Contexts(nn.Module):
    """x (b, t, dim), the last phases (b, reach, heads d/2) -> (keys, values, queries) and the next last phases.

    Keys and queries are (b, heads, t, d) of norm 1, values (b, heads, t, width) of norm 1.
    """

    def __init__(self, config: MemoryConfig) -> None:
        super().__init__()
        self.reach, self.half = max(config.reach), config.key_width // 2
        self.to_phase = nn.Linear(config.dim, config.heads * self.half, bias=False)
        nn.init.normal_(self.to_phase.weight, std=BANDWIDTH)
        self.taps = nn.ParameterList(_taps(reach, self.half) for reach in config.reach)  # c, one head each
        self.to_value = nn.Linear(config.dim, config.heads * config.head_dim, bias=False)
        with torch.no_grad():
            self.to_value.weight.copy_(torch.eye(config.head_dim, config.dim).repeat(config.heads, 1))

    def forward(self, x: Tensor, tail: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """See the class."""
        heads, length = len(self.taps), x.shape[1]
        series = torch.cat([tail, self.to_phase(x)], dim=1)  # (b, reach + t, heads d/2)
        made = []
        for part, taps in zip(series.unflatten(-1, (heads, -1)).unbind(2), self.taps, strict=True):
            first = [self.reach - 1 - lag for lag in range(len(taps))]  # the token before each key's and query's
            phase = sum(
                part[:, a : a + length + 1] * tap for a, tap in zip(first, taps, strict=True)
            )  # (b, t + 1, d/2)
            made.append(torch.cat([phase.cos(), phase.sin()], dim=-1) * self.half**-0.5)
        features = torch.stack(made, dim=1)  # (b, heads, t + 1, d)
        values = normalize(self.to_value(x).unflatten(-1, (heads, -1)), dim=-1, eps=1e-6).transpose(1, 2)
        return (features[:, :, :-1], values, features[:, :, 1:]), series[:, length:]


def _taps(reach: int, features: int) -> Tensor:
    """(reach, features) factors of random sizes and signs."""
    low, high = TAPS
    signs = torch.randint(0, 2, (reach, features)) * 2 - 1
    return signs * (low + (high - low) * torch.rand(reach, features))
