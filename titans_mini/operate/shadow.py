"""The shadow: a second track that reads the same stream with the memory of the last snapshot, and takes over where
the updated memory does worse. Recipe: 5.3.

A step is a token. A single token's perplexity says little, so the two are averaged over a horizon of tokens first.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ..settings import Settings, number, whole


@dataclass(frozen=True)
class ShadowConfig(Settings):
    """When the shadow takes over. Recipe: 5.3 (5%, 200 steps)."""

    threshold: float = number(0.05, 0.0, 100.0)  # share by which main's perplexity is above the shadow's
    patience: int = whole(200, 1, 1_000_000)  # steps in a row
    horizon: int = whole(64, 1, 1_000_000)  # tokens of the running mean


class ShadowState(NamedTuple):
    """How the two tracks compare, as a value."""

    seen: int = 0
    main: float = 0.0  # running mean of the nats per token
    shadow: float = 0.0
    streak: int = 0  # steps in a row that speak for a change
    degraded: bool = False  # the shadow is served

    @property
    def difference(self) -> float:
        """Main's perplexity over the shadow's, minus 1."""
        return math.exp(min(self.main - self.shadow, 50.0)) - 1


def compare(state: ShadowState, main: Iterable[float], shadow: Iterable[float], config: ShadowConfig) -> ShadowState:
    """The state after some more tokens, given the nats that each cost the two tracks.

    Served by main: a step speaks for a change where the difference is above the threshold; served by the shadow: where
    it is not. `patience` such steps in a row change the track.
    """
    for a, b in zip(main, shadow, strict=True):
        seen = state.seen + 1
        rate = max(1 / seen, 1 / config.horizon)
        state = state._replace(
            seen=seen, main=state.main + rate * (a - state.main), shadow=state.shadow + rate * (b - state.shadow)
        )
        speaks = (state.difference > config.threshold) != state.degraded and seen >= config.horizon
        state = state._replace(streak=state.streak + 1 if speaks else 0)
        if state.streak >= config.patience:
            state = state._replace(streak=0, degraded=not state.degraded)
    return state
