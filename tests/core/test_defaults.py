"""torch's global defaults change no number: same curves, bit for bit, and the defaults are as they were afterwards."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from builders import make_stream as make_pairs_stream

from titans_course.studies.anatomy import dissect
from titans_mini import (
    ConstantGate,
    MemoryConfig,
    SimulationConfig,
    SurpriseGate,
    TitansConfig,
    TitansLM,
    simulate,
    simulate_many,
)
from titans_mini.data import make_stream
from titans_mini.defaults import plain_defaults
from titans_mini.miras import MirasConfig, run
from titans_mini.operate.engine import RecipeEngine
from titans_mini.reference import RecipeGate, token_loop
from titans_mini.trace import COLUMNS
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS, make_batch

DTYPES = (torch.float64, torch.float16, torch.bfloat16)
torch.manual_seed(0)
LM = TitansLM(TitansConfig("mag", vocab_size=TASKS["recall"].vocab_size, dim=8, heads=2)).eval()
SMALL = SimulationConfig(tokens=70, memory=MemoryConfig.preset("recipe", dim=8))


def curves() -> dict[str, np.ndarray]:
    """Numbers from every way in."""
    found = {}
    for name, config in {
        "single": SMALL,
        "chunked": SMALL.with_memory(chunk=7, depth=3, decay="start"),
        "constant": replace(SMALL, gate="constant"),
        "gains": replace(SMALL, scenario="silence"),
    }.items():
        trace = simulate(config)
        found |= {f"{name}.{column}": getattr(trace, column) for column in COLUMNS}
    found["many"] = simulate_many([SMALL, replace(SMALL, tau=0.2)])[1].g_write
    for task in ("recall", "text", "needle"):
        found[task] = make_batch(task, 2, 40, torch.Generator(device="cpu").manual_seed(0)).ids.numpy()
    scores = evaluate(LM, "recall", 40, rows=2)
    found["scores"] = np.array([scores["accuracy"], scores["bits"]])
    found["keys"] = make_stream("text", 9, 8).keys.numpy()
    found["dissect"] = dissect(SMALL, 5).after[0]
    keys = np.random.default_rng(0).standard_normal((9, 4))
    for architecture in ("matrix", "cnn"):
        rule = MirasConfig(architecture, "huber", "adaptive", "gd", "learned")
        found[architecture] = run(rule, keys, keys[::-1].copy()).reads
    engine = RecipeEngine(SMALL)
    found["engine"] = engine.read(torch.arange(9, device="cpu"), engine.start()).raw.numpy()
    return found


@pytest.fixture(scope="module")
def plain() -> dict[str, np.ndarray]:
    return curves()


def check_same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> None:
    for name, series in wanted.items():
        assert found[name].dtype == series.dtype, name
        np.testing.assert_array_equal(found[name], series, err_msg=name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_default_dtype_changes_no_curve(dtype, plain):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        check_same(curves(), plain)
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)


def test_a_default_device_changes_no_curve(plain):
    torch.set_default_device("meta")
    try:
        check_same(curves(), plain)
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gates_keep_the_precision_of_the_tensors_they_are_given(dtype):
    tau = torch.tensor([[0.3]], dtype=torch.float64)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        assert SurpriseGate(tau=tau).tau.dtype == ConstantGate(theta=tau).theta.dtype == torch.float64
        assert SurpriseGate().tau.dtype == dtype
    finally:
        torch.set_default_dtype(before)


def test_the_oracle_does_not_take_the_default_dtype():
    stream = make_pairs_stream(9)
    weights = [weight[0].detach() for weight in stream.weights]
    keys, values, queries = (part[0].detach() for part in stream.tokens[:3])

    def reads():
        return token_loop(weights, keys, values, queries, RecipeGate(), torch.tanh).reads.detach()

    wanted = reads()
    torch.set_default_dtype(torch.float16)
    try:
        assert torch.equal(reads(), wanted)
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_last_of_overlapping_callers_restores_the_default():
    entered, leave = threading.Event(), threading.Event()

    def wait():
        with plain_defaults():
            entered.set()
            leave.wait()

    torch.set_default_dtype(torch.float64)
    try:
        with plain_defaults():
            thread = threading.Thread(target=wait)
            thread.start()
            entered.wait()
        assert torch.get_default_dtype() == torch.float32  # the other one is still inside
        leave.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
