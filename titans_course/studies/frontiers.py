"""The recipe's three next steps, measured: weights of few bits, facts over many sessions, gates that are paid.

Recipe: section 6. The engines are `quantize`, `operate.sessions` and `reward`; this module holds the experiments:
rounding to any number of bits, recall after several sessions, and a sweep over tau.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from titans_mini.errors import check_choice, check_integer, check_number
from titans_mini.memory.tree import map_tree
from titans_mini.models.model import ModelState, TitansLM
from titans_mini.operate.engine import LanguageEngine
from titans_mini.quantize import rounded_model as model_of_rounded_memories
from titans_mini.threads import one_thread
from titans_mini.training.tasks import RECALL_KEYS, RECALL_PAIRS, RECALL_VALUES, recall_filler, recall_pairs

from ..reward import FOR_TAU, UNSEEN, Decide, RewardConfig, advance, begin, is_over, observe, play, threshold
from ..reward.policy import Episode
from .telling import fact_ids

FULL = 32  # bits of a float, which is not rounded
SHARED = {"row": (-1,), "matrix": (-2, -1)}  # dimensions (..., o, i) over which numbers share one scale
TALK = 16  # filler tokens that end a session
AGES = ((0, 0), (1, 3), (4, 6), (7, 7))  # first to last, in sessions: of facts stated in eight of them
TAUS = tuple(step / 20 for step in range(17))


def round_weights(weight: Tensor, bits: int, per: str = "row") -> Tensor:
    """Floats (..., o, i) of `bits` bits: code * scale, codes up to 2^(bits - 1) - 1 on both sides of zero.

    The largest number of those that share a scale is exact. 8 and 4 bits per row are `quantize`'s int8 and int4.
    Raises ConfigError for bits outside 2..16 other than 32, and for an unknown `per`.
    """
    dims = SHARED[check_choice("per", per, SHARED)]
    if bits == FULL:
        return weight
    limit = 2 ** (check_integer("bits", bits, 2, 16) - 1) - 1
    scale = (weight.abs().amax(dims, keepdim=True) / limit).clamp_min(torch.finfo(torch.float32).tiny)
    return (weight / scale).round() * scale


def rounded_bytes(shape: tuple[int, ...], bits: int, per: str = "row") -> int:
    """Bytes of a matrix (o, i), the numbers of a row packed without gaps, with a float32 for each scale."""
    rows, columns = shape
    scales = {"row": rows, "matrix": 1}[check_choice("per", per, SHARED)]
    return rows * -(-columns * bits // 8) + (0 if bits == FULL else 4 * scales)


def rounded_model(lm: TitansLM, bits: int, per: str = "row") -> TitansLM:
    """A copy of `lm` whose memories rest in `bits` bits between chunks; 32 rounds nothing."""
    check_choice("per", per, SHARED)
    return model_of_rounded_memories(lm, lambda weight: round_weights(weight, bits, per))


def tell(engine: LanguageEngine, state: ModelState, facts: Mapping[int, int], *, talk: int = TALK) -> ModelState:
    """A recall model's state after it reads facts {key: value}, each 0..31, and then `talk` unrelated tokens."""
    told = fact_ids(facts)
    random = torch.Generator().manual_seed(int(state.tokens_seen))
    return engine.read(torch.cat([told, recall_filler(1, talk, random)[0]]), state).state


def ask(engine: LanguageEngine, state: ModelState, keys: Iterable[int]) -> dict[int, int]:
    """{key: the model's answer}, each asked from this unchanged state; an answer outside 0..31 is not a value."""
    said = {}
    for key in keys:
        logits, _ = engine.recall(torch.tensor([check_integer("key", key, 0, RECALL_KEYS - 1)]), state)
        said[key] = int(logits[0, -1].argmax()) - RECALL_KEYS
    return said


class Known(NamedTuple):
    """Facts of several users after their last session; each field (n,)."""

    age: np.ndarray  # how many sessions ago the fact was stated; 0: in the last one
    right: np.ndarray  # bool: answered with its newest value
    stale: np.ndarray  # bool: answered with the value that held before

    def shares(self, first: int, last: int) -> tuple[float, float, int]:
        """(right, stale, number of facts) of the ages from `first` to `last`; NaN where there are none."""
        chosen = (self.age >= first) & (self.age <= last)
        if not chosen.any():
            return float("nan"), float("nan"), 0
        return float(self.right[chosen].mean()), float(self.stale[chosen].mean()), int(chosen.sum())


@torch.inference_mode()
def lifetime(lm: TitansLM, sessions: int = 8, *, talk: int = TALK, rows: int = 32, seed: int = 0) -> Known:
    """Recall of `rows` users' facts after `sessions` sessions, with the state kept from each session to the next.

    Each session states eight of the 32 keys with new values, so that a repeated key has a changed value.
    """
    check_integer("sessions", sessions, 1, 10_000)
    check_integer("rows", rows, 1, 100_000)
    random, state = torch.Generator().manual_seed(seed), lm.initial_state(rows)
    told, value, before = (torch.full((rows, RECALL_KEYS), -1) for _ in range(3))
    with one_thread():
        for session in range(sessions):
            keys = torch.stack([torch.randperm(RECALL_KEYS, generator=random)[:RECALL_PAIRS] for _ in range(rows)])
            values = torch.randint(0, RECALL_VALUES, keys.shape, generator=random)
            before.scatter_(1, keys, value.gather(1, keys))
            value.scatter_(1, keys, values)
            told.scatter_(1, keys, session)
            _, state = lm(torch.cat([recall_pairs(keys, values), recall_filler(rows, talk, random)], dim=1), state)
        asked = (lm(torch.full((rows, 1), key), state, memory="frozen")[0] for key in range(RECALL_KEYS))
        said = torch.stack([logits[:, -1].argmax(-1) - RECALL_KEYS for logits in asked], dim=1)
    seen = told >= 0
    stale = (said == before) & (before != value)
    return Known(*(part[seen].numpy() for part in (sessions - 1 - told, said == value, stale)))


class Outcome(NamedTuple):
    """The mean outcome of a gate in an episode of `reward`."""

    recall: float  # share of the facts
    writes: float
    reward: float  # recall less the cost of the writes

    def __str__(self) -> str:
        return f"recall {self.recall:.2f}, {self.writes:4.1f} writes, reward {self.reward:5.2f}"


def earn(config: RewardConfig, decide: Decide, *, rows: int = 128, seed: int = UNSEEN) -> Outcome:
    """The outcome of a way to decide in episodes that neither training nor the choice of tau has seen."""
    rollout = play(config, decide, rows=rows, seed=seed)
    measures = (rollout.recall, rollout.count, rollout.rewards.sum(1))
    return Outcome(*(measure.mean().item() for measure in measures))


def best_tau(config: RewardConfig, feature: str = "smoothed") -> tuple[float, Outcome]:
    """(tau, its outcome): the one of TAUS with the highest reward."""
    return max(zip(TAUS, sweep(config, TAUS, feature), strict=True), key=lambda pair: pair[1].reward)


def sweep(
    config: RewardConfig,
    taus: Sequence[float],
    feature: str = "smoothed",
    *,
    bits: int = FULL,
    per: str = "row",
    rows: int = 64,
    seed: int = FOR_TAU,
) -> list[Outcome]:
    """One outcome a tau of the fixed gate on `feature`, all on the same seeded episodes.

    The memory is rounded to `bits` bits after each token, as in `round_weights`. Raises ConfigError.
    """
    for tau in taus:
        check_number("tau", tau, 0.0, 1.0)
    check_integer("rows", rows, 1, 100_000)
    decide = threshold(torch.tensor(taus).repeat_interleave(rows), feature)
    earned = torch.zeros(len(taus) * rows)
    with torch.no_grad(), one_thread():
        episode = _repeated(begin(config, rows, seed), len(taus))
        while not is_over(episode, config):
            weights = tuple(round_weights(weight, bits, per) for weight in episode.fast.weights)
            episode = episode._replace(fast=episode.fast._replace(weights=weights))
            episode, reward = advance(episode, decide(observe(episode)), config)
            earned += reward
    measures = (earned + config.cost * episode.writes, episode.writes, earned)
    return [Outcome(*row) for row in torch.stack(measures).view(3, len(taus), rows).mean(-1).T.tolist()]


def _repeated(episode: Episode, times: int) -> Episode:
    """The same rows `times` times, end to end."""

    def repeat(part: Tensor) -> Tensor:
        return part.repeat(times, *[1] * (part.dim() - 1))

    parts = {name: map_tree(repeat, part) for name, part in episode._asdict().items() if name != "place"}
    return episode._replace(**parts)
