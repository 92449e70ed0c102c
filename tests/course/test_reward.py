"""The write gate as a policy: the episodes, the environment, the estimate of the gradient, and what is learnt."""

import builtins
import dataclasses

import pytest
import torch

from titans_course.reward import make_env
from titans_course.reward.policy import (
    FEATURES,
    RewardConfig,
    Rollout,
    advance,
    begin,
    compare,
    greedy,
    is_over,
    make_policy,
    matching_threshold,
    observe,
    play,
    reinforce_loss,
    threshold,
    train_policy,
)
from titans_mini import ConfigError

SMALL = RewardConfig(dim=8, facts=3, filler=4, noise=2)


def always(share):
    return lambda seen: torch.full((len(seen),), float(share))


@pytest.fixture(scope="module")
def trained():
    """A policy after a short training, and the mean return of each round."""
    return train_policy(RewardConfig(), rounds=60, rows=48)


def test_rewards_are_recall_less_the_cost_of_writes():
    rollout = play(SMALL, always(1), rows=16)
    assert rollout.rewards.shape == (16, 9 + 3)
    assert torch.equal(rollout.rewards[:, :9], torch.full((16, 9), -0.02))
    assert set(rollout.rewards[:, 9:].mul(3).round(decimals=4).unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(rollout.count, torch.full((16,), 9.0))
    free = play(dataclasses.replace(SMALL, cost=0.0), always(1), rows=16)
    assert torch.allclose(rollout.rewards.sum(1), free.rewards.sum(1) - 9 * 0.02)


def test_facts_that_are_written_alone_are_recalled_and_unwritten_ones_are_chance():
    """Eight written keys in 64 dimensions hardly disturb each other; an untouched memory can only guess."""
    config = RewardConfig(dim=64, filler=0, noise=0)
    assert play(config, always(1), rows=64).recall.mean() > 0.99
    assert abs(play(config, always(0), rows=256).recall.mean().item() - 1 / 8) < 0.04
    halfway = play(config, lambda seen: (seen[:, FEATURES.index("written")] < 0.49).float(), rows=128)
    assert halfway.count.unique().tolist() == [4.0]
    assert 0.5 < halfway.recall.mean() < 0.65  # four known, and of the other four one in eight or a little more


def test_noise_that_is_written_costs_recall():
    loud = RewardConfig(noise=16)
    quiet = dataclasses.replace(loud, noise=0)
    assert play(loud, always(1), rows=64).recall.mean() < play(quiet, always(1), rows=64).recall.mean() - 0.1


def test_surprise_ranks_filler_facts_and_noise():
    """Raw surprise of an untouched memory follows the lengths of the values: 0.3, 1 and 2."""
    config = RewardConfig(dim=32)
    episode, raws = begin(config, 64, 0), []
    for _ in range(config.told):
        raws.append(observe(episode)[:, FEATURES.index("raw")])
        episode, _ = advance(episode, torch.zeros(64), config)
    raw, length = torch.stack(raws, dim=1), episode.values.norm(dim=-1)
    filler, facts, noise = (raw[mask].mean() for mask in (length < 0.5, (length > 0.5) & (length < 1.5), length > 1.5))
    assert filler + 0.02 < facts < noise - 0.02


def test_observations_lie_in_0_to_1_and_hide_nothing_of_the_kind():
    seen = play(SMALL, always(1), rows=16).observations
    assert seen.shape == (16, 12, len(FEATURES)) and seen.min() >= 0 and seen.max() <= 1
    assert seen[:, :9, FEATURES.index("asked")].max() == 0 and seen[:, 9:, FEATURES.index("asked")].min() == 1
    assert torch.allclose(seen[:, :9, FEATURES.index("written")], torch.arange(9.0) / 9)


def test_rows_are_independent_and_episodes_are_values():
    episode = begin(SMALL, 4, 0)
    before = [part.clone() for part in (*episode.fast.weights, episode.writes, episode.surprise)]
    first, second = (advance(episode, torch.tensor(write), SMALL)[0] for write in ([1.0, 0, 0, 0], [1.0, 1, 1, 1]))
    assert torch.equal(first.fast.weights[0][0], second.fast.weights[0][0])
    assert not torch.equal(first.fast.weights[0][1], second.fast.weights[0][1])
    assert torch.equal(first.fast.weights[0][1], episode.fast.weights[0][1])  # no write, no change
    after = (*episode.fast.weights, episode.writes, episode.surprise)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_full_write_at_step_one_half_is_answered_exactly():
    episode = begin(SMALL, 4, 0)
    after, _ = advance(episode, torch.tensor([0.0, 0.5, 1.0, 1.0]), SMALL)
    said = torch.einsum("noi,ni->no", after.fast.weights[0], episode.keys[:, 0])
    start = torch.einsum("noi,ni->no", episode.fast.weights[0], episode.keys[:, 0])
    value = episode.values[:, 0]
    assert torch.allclose(said[2:], value[2:], atol=1e-5)
    assert torch.allclose(said[1], (start[1] + value[1]) / 2, atol=1e-5)  # half a write, half the way


def test_nothing_can_be_written_while_facts_are_asked():
    episode = begin(SMALL, 2, 0)
    while episode.place < SMALL.told:
        episode, _ = advance(episode, torch.ones(2), SMALL)
    after, reward = advance(episode, torch.ones(2), SMALL)
    assert torch.equal(after.fast.weights[0], episode.fast.weights[0]) and reward.min() >= 0
    assert torch.equal(after.writes, episode.writes)


def test_the_same_seed_gives_the_same_run():
    first, again, other = (play(SMALL, always(1), rows=4, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(first.observations, again.observations) and torch.equal(first.rewards, again.rewards)
    assert not torch.equal(first.observations, other.observations)
    torch.manual_seed(1)
    once = train_policy(SMALL, rounds=1, rows=4, seed=3)
    torch.manual_seed(2)
    twice = train_policy(SMALL, rounds=1, rows=4, seed=3)
    assert once[1] == twice[1]
    assert all(torch.equal(a, b) for a, b in zip(once[0].parameters(), twice[0].parameters(), strict=True))


def test_the_estimate_points_along_the_true_gradient():
    """Two decisions of one logit: the mean return is known, so its slope is. Reward 1 for the write, at once."""
    logit = torch.tensor(0.3, requires_grad=True)
    writes = torch.bernoulli(logit.detach().sigmoid().expand(20_000, 2), generator=torch.Generator().manual_seed(0))
    rollout = Rollout(torch.zeros(20_000, 2, 1), writes, writes)
    reinforce_loss(lambda seen: logit.expand(*seen.shape), rollout, 2).backward()
    chance = logit.detach().sigmoid()
    true = 2 * chance * (1 - chance)  # d / d logit of E[writes] over two steps
    assert logit.grad.item() == pytest.approx(-true.item(), rel=0.05)


def test_the_baseline_takes_what_all_rows_share():
    """A reward that every row gets alike moves nothing."""
    rollout = play(SMALL, lambda seen: (seen[:, 0] > 0.2).float(), rows=32)
    policy = make_policy()
    plain, raised = (
        torch.autograd.grad(reinforce_loss(policy, rollout._replace(rewards=rewards), 9), policy.parameters())
        for rewards in (rollout.rewards, rollout.rewards + 5)
    )
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(plain, raised, strict=True))
    assert max(grad.abs().max() for grad in plain) > 1e-3


def test_the_trained_policy_beats_tau_at_the_same_number_of_writes(trained):
    policy, returns = trained
    assert sum(returns[-5:]) / 5 > sum(returns[:5]) / 5 + 0.1
    config = RewardConfig()
    learnt = play(config, greedy(policy), rows=128, seed=77_777)
    tau = matching_threshold(config, learnt.count.mean().item(), "smoothed")
    fixed = play(config, threshold(tau), rows=128, seed=77_777)
    assert abs(fixed.count.mean() - learnt.count.mean()) < 2
    assert learnt.recall.mean() > fixed.recall.mean() + 0.05


def test_the_policy_leaves_noise_that_tau_would_write(trained):
    """Of the loudest tokens it writes fewer than of the middle ones, which no threshold can do."""
    rollout = play(RewardConfig(), greedy(trained[0]), rows=64, seed=9)
    told = RewardConfig().told
    raw, writes = rollout.observations[:, :told, FEATURES.index("raw")], rollout.writes[:, :told]
    loud = raw > raw.flatten().quantile(0.9)
    middle = (raw > raw.flatten().quantile(0.5)) & (raw < raw.flatten().quantile(0.75))
    assert writes[loud].mean() < writes[middle].mean()


def test_a_matching_threshold_makes_the_number_of_writes_asked_for():
    for wanted in (4, 12):
        tau = matching_threshold(RewardConfig(), wanted, "surprise", rows=64)
        made = play(RewardConfig(), threshold(tau, "surprise"), rows=64).count.mean()
        assert abs(made - wanted) < 0.5


def test_compare_reports_each_seed_and_the_spread():
    table = compare([0, 1], SMALL, rounds=1, rows=8)
    assert list(table) == ["policy", "tau", "tau, unsmoothed", "chance"]
    for measures in table.values():
        low, high = sorted(measures["recall"])
        assert measures["recall_mean"] == pytest.approx((low + high) / 2)
        assert measures["recall_sd"] == pytest.approx((high - low) / 2)
        for seed in range(2):
            outcome = measures["recall"][seed] - 0.02 * measures["writes"][seed]
            assert measures["reward"][seed] == pytest.approx(outcome, abs=1e-5)


def test_the_environment_passes_gymnasiums_own_checks():
    gymnasium = pytest.importorskip("gymnasium")
    from gymnasium.utils.env_checker import check_env

    make_env()  # registers it
    env = gymnasium.make("titans_mini/WriteGate-v0", config=SMALL)
    check_env(env.unwrapped)


def test_the_environment_plays_the_same_episode_as_the_batch():
    pytest.importorskip("gymnasium")
    env = make_env(SMALL)
    observation, _ = env.reset(seed=4)
    episode = env._episode
    rewards, over = [], False
    while not over:
        assert observation == pytest.approx(observe(episode)[0].numpy())
        action = int(observation[0] > 0.3)
        if not is_over(episode, SMALL):
            episode, wanted = advance(episode, torch.tensor([float(action)]), SMALL)
        observation, reward, over, cut, info = env.step(action)
        rewards.append(reward)
        assert reward == pytest.approx(wanted.item()) and not cut
    assert len(rewards) == 12 and info["writes"] == episode.writes.item()


def test_a_wrong_use_of_the_environment_ends_in_one_line():
    pytest.importorskip("gymnasium")
    env = make_env(SMALL)
    with pytest.raises(ConfigError, match="reset"):
        env.step(0)
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="action"):
        env.step(2)
    for _ in range(12):
        over = env.step(0)[2]
    assert over
    with pytest.raises(ConfigError, match="episode"):
        env.step(0)


def test_a_missing_gymnasium_ends_in_one_line(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.endswith("environment"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"gymnasium is not installed; run: pip install 'titans-mini\[reward\]'"):
        make_env()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: RewardConfig(facts=1), "facts"),
        (lambda: RewardConfig(dim=1), "dim"),
        (lambda: RewardConfig(cost=-0.1), "cost"),
        (lambda: RewardConfig(step=float("nan")), "step"),
        (lambda: play(SMALL, always(1), rows=0), "rows"),
        (lambda: train_policy(SMALL, rounds=0), "rounds"),
        (lambda: compare([]), "seeds"),
        (lambda: compare([-1]), "seeds"),
        (lambda: threshold(0.3, "loudness"), "feature"),
    ],
)
def test_bad_input_names_the_setting(call, name):
    with pytest.raises(ConfigError, match=name):
        call()
