"""A dead memory has an alarm of its own, is never kept as healthy, and is never served again."""

import pytest
import torch
from models import make_model

from titans_course.studies.incidents import zero_weights
from titans_mini import MemoryConfig, NeuralMemory, SimulationConfig
from titans_mini.kept import restore
from titans_mini.memory.state import without_activity
from titans_mini.memory.tree import named, tensors
from titans_mini.operate import (
    LanguageEngine,
    Limits,
    MemoryEngine,
    RecipeEngine,
    RunConfig,
    Runner,
)
from titans_mini.operate.engine import Reading
from titans_mini.operate.measures import is_dead, life, strength
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import text_bytes

CAUSE = "the memory is dead: its weights are near 0, so it answers nothing and cannot learn"


def all_zero(state, *fields: str):
    """The state with those fields of all memories at 0: `weights`, `momentum`."""
    parts = named(without_activity(state))  # which belongs to the old weights
    gone = {name: torch.zeros_like(part) for name, part in parts.items() if name.split(".")[-2:][0] in fields}
    return restore({**parts, **gone}, state)


@pytest.fixture(scope="module")
def vectors():
    """10,000 clean vectors, 100 of them a hundred times too large, 12,000 clean ones, read by a memory of its own."""
    torch.manual_seed(1)
    engine = MemoryEngine(NeuralMemory(MemoryConfig(dim=64)))
    stream = torch.randn(22_100, 64)
    stream[10_000:10_100] *= 100
    return engine, stream


@pytest.fixture(scope="module")
def drill(vectors, tmp_path_factory):
    """The runner after that stream, and what happened."""
    engine, stream = vectors
    runner = Runner(engine, tmp_path_factory.mktemp("life"), config=RunConfig(snapshot_every=2000))
    return runner, list(runner.run(stream))


def test_the_drills_memory_is_dead_for_good_and_the_alarm_stays(drill):
    runner, events = drill
    assert all(not part.any() for part in runner.engine.fast(runner.state)[0])
    (alarm,) = [event for event in events if event.kind == "dead"]  # it never clears
    assert (alarm.action, alarm.token, alarm.cause) == ("alarm", 10_100, CAUSE)
    assert alarm.value == 0.0 < alarm.limit and runner.monitor.active["dead"] is alarm
    assert runner.monitor.metrics.life == 0.0


def test_no_snapshot_of_a_dead_memory_counts_as_healthy_and_a_rollback_finds_a_living_one(drill):
    runner, events = drill
    kept = runner.snapshots.list()
    assert {snap.tokens for snap in kept if snap.label == "auto"} == {2000, 4000, 6000, 8000, 10_000}
    assert {snap.label for snap in kept if snap.tokens > 10_000} == {"alarm"}
    runner.snapshots.save(runner.state, name="by-hand")  # somebody keeps the dead one without knowing
    refused, back, made = runner.rollback()
    assert (refused.action, back.action, made.kind) == ("refused", "rollback", "auto")
    assert "by-hand" in refused.cause and refused.cause.endswith("its memory is dead") and "10000-auto" in back.cause
    assert not is_dead(runner.engine, runner.state)
    (clear,) = runner.feed(torch.randn(100, 64))
    assert (clear.action, clear.kind, clear.cause) == ("clear", "dead", "the memory learns again")
    dead = runner.rollback("by-hand")[-1]  # whoever asks for it by name gets it, but it is not kept as healthy
    assert (dead.action, dead.kind) == ("snapshot", "alarm")
    assert runner.feed(torch.randn(100, 64))[0].kind == "dead"


@pytest.mark.parametrize("name", ["conv-mag", "conv-mal", "conv-lmm", "conv-mag-surprise"])
def test_a_language_models_weights_at_zero_raise_it_at_once(name):
    engine = LanguageEngine(load_model(name))
    text = text_bytes(True)
    for fields in (("weights",), ("weights", "momentum")):  # momentum may bring the weights back, at once or never
        runner = Runner(engine)
        assert list(runner.run(text[:300])) == [] and runner.monitor.metrics.life > 10 * Limits().least
        runner.replace(all_zero(runner.state, *fields))
        events = list(runner.run(text[300:500]))
        assert [(event.action, event.kind, event.token) for event in events][:1] == [("alarm", "dead", 400)]
        assert events[0].cause == CAUSE
    assert "dead" in runner.monitor.active and runner.monitor.metrics.life == 0.0


def test_one_dead_memory_of_two_is_enough():
    engine = LanguageEngine(make_model("mag"))
    state = zero_weights(engine.start())
    assert sum(bool(part.any()) for memory in engine.fast(state) for part in memory) == 2 and is_dead(engine, state)


def test_a_dead_main_is_never_served_again():
    engine = LanguageEngine(load_model("conv-mal"))
    runner, text = Runner(engine), text_bytes(True)
    list(runner.run(text[:1000]))
    runner.replace(all_zero(runner.state, "weights", "momentum"))
    runner.compared = runner.compared._replace(degraded=True, main=0.0, shadow=9.0)  # main seems far better
    events = list(runner.run(text[1000:1600]))
    assert "promote" not in {event.action for event in events} and runner.output is runner.shadow.output
    assert not is_dead(engine, runner.shadow.state) and not is_dead(engine, runner.base)
    assert runner.promote()[0].action == "promote" and not is_dead(engine, runner.state)
    (clear,) = [event for event in runner.feed(text[1600:1700]) if event.kind == "dead"]
    assert clear.action == "clear"


def test_a_memory_that_fades_away_is_told_and_one_that_is_kept_is_not():
    limits, text = Limits(window=100, warmup=400, hold=10_000), text_bytes()[:1500]
    fading, usual = (
        Runner(RecipeEngine(SimulationConfig(lam=lam)), config=RunConfig(limits=limits)) for lam in (1e-2, 1e-4)
    )
    (alarm,) = [event for event in fading.run(text) if event.kind == "dead"]
    assert 0 < alarm.value < alarm.limit and fading.monitor.metrics.life < alarm.value
    assert "dead" not in {event.kind for event in usual.run(text)} and usual.monitor.metrics.life > 0.1


def test_a_single_matrix_cannot_die():
    engine = RecipeEngine(SimulationConfig(lam=1.0).with_memory(depth=1))
    runner = Runner(engine)
    assert "dead" not in {event.kind for event in runner.run(text_bytes()[:300])}
    assert not is_dead(engine, all_zero(engine.start(), "weights"))


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_strength_is_that_of_the_gradient(depth):
    start = [tuple(torch.randn(2, 3, 3) for _ in range(depth))]
    small = [tuple(part * 0.1 for part in start[0])]
    assert torch.allclose(strength(small, start), torch.full((2,), 0.1).double())
    one = [(start[0][0] * 0, *start[0][1:])]  # one matrix at 0 still gets its gradient through the others
    assert torch.allclose(strength(one, start), torch.ones(2).double())
    two = [(start[0][0] * 0, start[0][1] * 0, *start[0][2:])]
    assert torch.equal(strength(two, start), torch.zeros(2).double())


def test_a_gradient_near_zero_counts_only_where_the_memory_is_silent():
    usual = torch.ones(3).double(), torch.ones(3).double()
    raw, silence = torch.full((3, 4), 1e-6), torch.tensor([[1.0] * 4, [1.0] * 4, [0.0] * 4])
    loss = torch.tensor([[1.0] * 4, [1e-6] * 4, [0.0] * 4])  # answers nothing; knows everything; is given nothing
    found = life(Reading(None, None, raw, loss, None, silence), torch.ones(3).double(), usual)
    assert found.tolist() == [pytest.approx(1e-6), 1.0, 1.0]


def test_silence_is_the_loss_of_zero_weights():
    torch.manual_seed(0)
    for engine, piece in (
        (MemoryEngine(NeuralMemory(MemoryConfig(dim=8, heads=2, scale="rms"))), torch.randn(20, 8)),
        (RecipeEngine(), text_bytes()[:20]),
    ):
        reading = engine.read(piece, all_zero(engine.start(), "weights"))
        torch.testing.assert_close(reading.loss, reading.silence)
        assert all(part.isfinite().all() for part in tensors((reading.state,)))
