"""A write gate that is trained on downstream reward."""

from titans_mini.errors import ConfigError

from .policy import (
    FEATURES,
    FOR_TAU,
    UNSEEN,
    Decide,
    RewardConfig,
    advance,
    begin,
    greedy,
    is_over,
    matching_threshold,
    observe,
    play,
    threshold,
    train_policy,
)

__all__ = [
    "FEATURES", "FOR_TAU", "UNSEEN", "Decide", "RewardConfig", "advance", "begin", "greedy", "is_over", "make_env",
    "matching_threshold", "observe", "play", "threshold", "train_policy",
]  # fmt: skip


def make_env(config: RewardConfig | None = None):
    """The episodes of this package as a Gymnasium environment. Raises ConfigError if Gymnasium is not installed."""
    try:
        from .environment import WriteGateEnv
    except ImportError:
        raise ConfigError("gymnasium is not installed; run: pip install 'titans-mini[reward]'") from None
    return WriteGateEnv(config)
