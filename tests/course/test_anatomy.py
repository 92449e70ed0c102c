"""One token taken apart agrees with autograd and with the run it comes from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from titans_course.studies.anatomy import dissect
from titans_mini import ConfigError, MemoryConfig, SimulationConfig, simulate
from titans_mini.reference import predict

CONFIG = SimulationConfig(tokens=60, memory=MemoryConfig.preset("recipe", dim=8))


@pytest.mark.parametrize("gate", ["surprise", "constant"])
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("token", [0, 1, 37, 59])
def test_a_step_is_the_same_step_of_the_run(depth, token, gate):
    config = replace(CONFIG, gate=gate).with_memory(depth=depth)
    step, trace = dissect(config, token), simulate(config)
    assert step.byte == trace.tokens[token]
    for name, found in (("raw", step.raw), ("loss", step.loss_before), ("memory_norm", step.norm_after)):
        assert found == pytest.approx(getattr(trace, name)[token], rel=1e-5), name
    assert step.theta == pytest.approx(config.eta * trace.g_write[token], rel=1e-5)


def test_the_gradient_is_autograds_and_of_rank_one():
    step = dissect(CONFIG, 20)
    weights = [torch.tensor(weight, requires_grad=True) for weight in step.before]
    key, value = torch.tensor(step.key), torch.tensor(step.value)
    loss = (predict(weights, key, torch.nn.functional.silu) - value).square().sum()
    for found, wanted in zip(step.gradients, torch.autograd.grad(loss, weights), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
        assert np.linalg.matrix_rank(found, tol=1e-3) == 1


def test_after_is_before_decayed_less_the_step():
    step = dissect(CONFIG, 20, theta=0.01, alpha=0.25)
    for before, after, gradient in zip(step.before, step.after, step.gradients, strict=True):
        np.testing.assert_allclose(after, 0.75 * before - 0.01 * gradient, rtol=1e-4, atol=1e-6)


def test_an_edited_gate_changes_this_write_alone():
    shut, wide = dissect(CONFIG, 20, theta=0.0, alpha=0.0), dissect(CONFIG, 20, theta=0.005)
    assert all(map(np.array_equal, shut.before, wide.before)) and all(map(np.array_equal, shut.before, shut.after))
    assert shut.loss_after == pytest.approx(shut.loss_before) and wide.loss_after < wide.loss_before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": 60}, "token must be a whole number from 0 to 59"),
        ({"token": 3, "theta": -1.0}, "theta must be"),
        ({"token": 3, "alpha": 2.0}, "alpha must be"),
    ],
)
def test_bad_requests_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        dissect(CONFIG, **options)
    with pytest.raises(ConfigError, match="chunk must be"):
        dissect(replace(CONFIG, memory=MemoryConfig(dim=8)), 3)
