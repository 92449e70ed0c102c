"""A write gate that is trained on downstream reward."""

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
    make_env,
    matching_threshold,
    observe,
    play,
    threshold,
    train_policy,
)

__all__ = [
    "FEATURES",
    "FOR_TAU",
    "UNSEEN",
    "Decide",
    "RewardConfig",
    "advance",
    "begin",
    "greedy",
    "is_over",
    "make_env",
    "matching_threshold",
    "observe",
    "play",
    "threshold",
    "train_policy",
]
