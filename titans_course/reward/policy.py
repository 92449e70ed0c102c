"""The write gate as a policy: it learns the value of surprise from the reward, recall minus a cost for each write.

A stream mixes facts, which are asked for at the end, with filler of little surprise and noise of more surprise than
any fact; neither of these is asked for. The recipe writes wherever surprise passes tau; a policy sees the same numbers
and is rewarded for what can be recalled. Recipe: section 6, "surprise as a reward signal"; algorithm: REINFORCE with a
baseline. The same episodes as a Gymnasium environment: `make_env`.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from titans_mini.config import MemoryConfig
from titans_mini.errors import ConfigError, check_choice, check_integer, check_number
from titans_mini.memory.chunk import Fast, TitansRule, Tokens
from titans_mini.memory.gates import ConstantGate, GateState, SurpriseGate, initial_gate_state
from titans_mini.memory.mlp import ACTIVATIONS, apply_memory, gradient_norm, gradients, initial_weights
from titans_mini.threads import one_thread

FEATURES = ("surprise", "smoothed", "raw", "written", "asked")  # what the policy sees, each 0..1
FILLER_NORM = 0.3  # length of a filler's value; a fact's is 1
SPREAD = 0.1  # relative standard deviation of the lengths
UNSEEN, FOR_TAU = 2**30, 2**29  # seeds of the episodes that contestants play, and of those on which tau is matched
METER = SurpriseGate()  # the recipe's, beta 0.7


@dataclass(frozen=True)
class RewardConfig:
    """One episode: facts, filler and noise in random order, once each, then one question for every fact."""

    dim: int = 16
    facts: int = 8
    filler: int = 16
    noise: int = 8
    noise_norm: float = 2.0  # length of a noise token's value
    cost: float = 0.02  # of one write; recall of all facts is worth 1
    step: float = 0.5  # theta of a write: 0.5 makes a single matrix answer that key exactly

    def __post_init__(self) -> None:
        check_integer("dim", self.dim, 2, 256)
        check_integer("facts", self.facts, 2, 256)
        check_integer("filler", self.filler, 0, 10_000)
        check_integer("noise", self.noise, 0, 10_000)
        check_number("noise_norm", self.noise_norm, 0.0, 100.0)
        check_number("cost", self.cost, 0.0, 1.0)
        check_number("step", self.step, 0.0, 1.0)

    @property
    def told(self) -> int:
        """Tokens at which the gate decides."""
        return self.facts + self.filler + self.noise


class Episode(NamedTuple):
    """A memory on its way through `rows` streams at once. A value: `advance` returns the next one."""

    keys: Tensor  # (n, told, d), norm 1
    values: Tensor  # (n, told, d)
    facts: Tensor  # (n, facts) places of the facts, in the order in which they are asked
    fast: Fast  # one matrix a row
    meter: GateState  # running statistics of surprise after this token
    surprise: Tensor  # (n, 3): surprise, smoothed, raw of this token
    writes: Tensor  # (n,) so far
    place: int  # of this token; from `told` on, of a question


def begin(config: RewardConfig, rows: int, seed: int) -> Episode:
    """The first token of `rows` seeded episodes."""
    random = torch.Generator().manual_seed(seed)
    norms = torch.tensor([1.0] * config.facts + [FILLER_NORM] * config.filler + [config.noise_norm] * config.noise)
    keys, values = normalize(torch.randn(2, rows, config.told, config.dim, generator=random), dim=-1)
    lengths = norms * (1 + SPREAD * torch.randn(rows, config.told, generator=random))  # (n, told)
    order = torch.rand(rows, config.told, generator=random).argsort(-1)  # kind at each place
    values = values * lengths.gather(1, order).unsqueeze(-1)
    places = order.argsort(-1)[:, : config.facts]
    start = initial_weights(MemoryConfig(dim=config.dim, depth=1), random)
    weights = tuple(weight.repeat(rows, 1, 1) for weight in start)
    meter = initial_gate_state(rows, keys)
    fast = Fast(weights, tuple(map(torch.zeros_like, weights)), meter)
    return _look(Episode(keys, values, places, fast, meter, keys.new_zeros(rows, 3), keys.new_zeros(rows), 0))


def _look(episode: Episode) -> Episode:
    """Measures the surprise of the current token, before anything is written."""
    here = slice(episode.place, episode.place + 1)
    seen = gradients(episode.fast.weights, episode.keys[:, here], episode.values[:, here], ACTIVATIONS["silu"])
    raw = gradient_norm(seen) * episode.keys.shape[-1] ** -0.5  # (n, 1)
    surprise, smoothed, meter = METER.measure(raw, episode.meter)
    return episode._replace(meter=meter, surprise=torch.cat([surprise, smoothed, raw / (1 + raw)], dim=1))


def observe(episode: Episode) -> Tensor:
    """(n, 5) float32 from 0 to 1, see FEATURES: what is known of the current token before the decision."""
    told = episode.keys.shape[1]
    asked = torch.full_like(episode.writes, float(episode.place >= told))
    rest = torch.stack([episode.writes / told, asked], dim=1)
    return torch.cat([episode.surprise * (1 - asked).unsqueeze(-1), rest], dim=1)


def is_over(episode: Episode, config: RewardConfig) -> bool:
    """Whether every question has been asked."""
    return episode.place >= config.told + config.facts


def advance(episode: Episode, write: Tensor, config: RewardConfig) -> tuple[Episode, Tensor]:
    """(next episode, reward (n,)) after the decision `write` (n,), 0..1, which is how much of a full step is taken.

    While the stream is read the reward is -cost * write. At a question, where nothing can be written, it is 1 / facts
    if, of all the facts' values, the right one is nearest to the answer.
    """
    if is_over(episode, config):
        raise ConfigError("episode must have at most {most} steps; begin another", most=config.told + config.facts)
    if episode.place >= config.told:
        return episode._replace(place=episode.place + 1), _answered(episode, config) / config.facts
    here = slice(episode.place, episode.place + 1)
    gate = ConstantGate(theta=config.step * write.unsqueeze(-1), eta=0.0, alpha=0.0)
    _, fast, _ = TitansRule(gate).step(episode.fast, Tokens(episode.keys[:, here], episode.values[:, here]))
    episode = episode._replace(fast=fast, writes=episode.writes + write, place=episode.place + 1)
    return _look(episode) if episode.place < config.told else episode, -config.cost * write


def _answered(episode: Episode, config: RewardConfig) -> Tensor:
    """(n,) 1 where the fact asked for at this place is recalled."""
    row = torch.arange(len(episode.keys))
    asked = episode.place - config.told
    key = episode.keys[row, episode.facts[:, asked]].unsqueeze(1)  # (n, 1, d)
    said = apply_memory(episode.fast.weights, key, ACTIVATIONS["silu"])  # (n, 1, d)
    values = episode.values[row.unsqueeze(-1), episode.facts]  # (n, facts, d)
    return (torch.cdist(said, values).squeeze(1).argmin(-1) == asked).float()


class Rollout(NamedTuple):
    """All steps of some episodes, (n, steps), and each row's outcome (n,)."""

    observations: Tensor  # (n, steps, 5)
    writes: Tensor
    rewards: Tensor

    @property
    def recall(self) -> Tensor:
        """Share of the facts recalled."""
        return self.rewards.clamp_min(0).sum(1)

    @property
    def count(self) -> Tensor:
        """Writes of an episode."""
        return self.writes.sum(1)


Decide = Callable[[Tensor], Tensor]  # observations (n, 5) -> how much to write (n,), 0..1


def play(config: RewardConfig, decide: Decide, *, rows: int = 64, seed: int = 0) -> Rollout:
    """Plays whole episodes with one way to decide, without a gradient."""
    check_integer("rows", rows, 1, 100_000)
    check_integer("seed", seed, 0, 2**31 - 1)
    with torch.no_grad():
        episode, steps = begin(config, rows, seed), []
        while not is_over(episode, config):
            seen = observe(episode)
            write = decide(seen) if episode.place < config.told else torch.zeros(rows)
            episode, reward = advance(episode, write, config)
            steps.append((seen, write, reward))
    return Rollout(*(torch.stack(series, dim=1) for series in zip(*steps, strict=True)))


def threshold(tau: float, feature: str = "smoothed") -> Decide:
    """The recipe's decision with a hard threshold: write where smoothed surprise (or another feature) exceeds tau."""
    column = FEATURES.index(check_choice("feature", feature, FEATURES))
    return lambda seen: (seen[:, column] > tau).float()


def make_policy(seed: int = 0) -> nn.Module:
    """A small seeded network from observations (n, 5) to the logit of writing (n, 1)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(len(FEATURES), 16), nn.Tanh(), nn.Linear(16, 1))


def greedy(policy: nn.Module) -> Decide:
    """Writes where the policy's probability exceeds one half."""
    return lambda seen: (policy(seen).squeeze(-1) > 0).float()


def _sampled(policy: nn.Module, random: torch.Generator) -> Decide:
    """Writes at random, with the policy's probability."""
    return lambda seen: torch.bernoulli(policy(seen).squeeze(-1).sigmoid(), generator=random)


def train_policy(config: RewardConfig, *, rounds: int = 100, rows: int = 64, lr: float = 0.05, seed: int = 0):
    """(policy, mean return of each round) by REINFORCE; the baseline is the rows' mean return from that step on."""
    check_integer("rounds", rounds, 1, 100_000)
    check_integer("rows", rows, 2, 100_000)
    check_number("lr", lr, 1e-6, 1.0)
    policy, returns = make_policy(seed), []
    adam = torch.optim.Adam(policy.parameters(), lr=lr)
    random = torch.Generator().manual_seed(seed)
    with one_thread():
        for number in range(rounds):
            rollout = play(config, _sampled(policy, random), rows=rows, seed=seed * 100_003 + number)
            loss = reinforce_loss(policy, rollout, config.told)
            adam.zero_grad()
            loss.backward()
            adam.step()
            returns.append(rollout.rewards.sum(1).mean().item())
    return policy, returns


def reinforce_loss(policy: nn.Module, rollout: Rollout, told: int) -> Tensor:
    """Minus the log probability of each decision, weighted by its later return relative to the other rows."""
    ahead = rollout.rewards.flip(1).cumsum(1).flip(1)[:, :told]  # (n, told)
    advantage = ahead - ahead.mean(0)
    logits = policy(rollout.observations[:, :told]).squeeze(-1)
    surprise = nn.functional.binary_cross_entropy_with_logits(logits, rollout.writes[:, :told], reduction="none")
    return (advantage * surprise).sum(1).mean()


def matching_threshold(config: RewardConfig, writes: float, feature: str, *, rows: int = 128, seed: int = 0) -> float:
    """The tau at which this many writes are made per episode, by bisection on seeded episodes."""
    low, high = 0.0, 1.0
    for _ in range(16):
        middle = (low + high) / 2
        many = play(config, threshold(middle, feature), rows=rows, seed=seed).count.mean().item() > writes
        low, high = (middle, high) if many else (low, middle)
    return (low + high) / 2


def compare(seeds=range(3), config: RewardConfig | None = None, *, rounds: int = 100, rows: int = 256) -> dict:
    """The trained policy against fixed thresholds and chance, at the policy's own number of writes.

    {name: {recall, writes, reward: one number a seed; recall_mean, recall_sd, ...}} for `policy`, `tau` (on S, as in
    the recipe, beta 0.7), `tau, unsmoothed` (on surprise itself) and `chance`. Each seed trains a policy, and plays
    `rows` episodes that neither training nor the choice of tau has seen.
    """
    config, found = config or RewardConfig(), {}
    seeds = [check_integer("seeds", seed, 0, 10_000) for seed in seeds]
    if not seeds:
        raise ConfigError("seeds must hold at least 1 whole number, not 0")
    for seed in seeds:
        policy, _ = train_policy(config, rounds=rounds, seed=seed)
        for name, decide in _contestants(config, policy, seed, rows).items():
            rollout = play(config, decide, rows=rows, seed=UNSEEN + seed)
            outcome = {"recall": rollout.recall, "writes": rollout.count, "reward": rollout.rewards.sum(1)}
            for measure, series in outcome.items():
                found.setdefault(name, {}).setdefault(measure, []).append(series.mean().item())
    return {name: {**measures, **_spread(measures)} for name, measures in found.items()}


def _contestants(config: RewardConfig, policy: nn.Module, seed: int, rows: int) -> dict[str, Decide]:
    """The policy, and the others set to write as often as it does."""
    wanted = play(config, greedy(policy), rows=rows, seed=UNSEEN + seed).count.mean().item()
    random, share = torch.Generator().manual_seed(seed), torch.tensor(wanted / config.told)
    taus = {name: matching_threshold(config, wanted, name, seed=FOR_TAU + seed) for name in ("smoothed", "surprise")}
    return {
        "policy": greedy(policy),
        "tau": threshold(taus["smoothed"]),
        "tau, unsmoothed": threshold(taus["surprise"], "surprise"),
        "chance": lambda seen: torch.bernoulli(share.expand(len(seen)), generator=random),
    }


def _spread(measures: dict[str, list[float]]) -> dict[str, float]:
    """Mean and standard deviation over the seeds."""
    means = {f"{name}_mean": statistics.fmean(series) for name, series in measures.items()}
    return means | {f"{name}_sd": statistics.pstdev(series) for name, series in measures.items()}
