"""A run keeps its snapshots, goes back bit by bit, and is served by the shadow while the memory is poisoned."""

import errno
import math
import os

import pytest
import torch
from builders import make_memory
from drills.healthy import healthy_model
from models import VARIANTS, make_ids, make_model

from titans_course.studies.incidents import broken_weight
from titans_mini import ConfigError
from titans_mini.memory.tree import tensors
from titans_mini.operate import (
    LanguageEngine,
    MemoryEngine,
    RecipeEngine,
    RunConfig,
    Runner,
    ShadowConfig,
    ShadowState,
    SnapshotError,
    compare,
)
from titans_mini.training.tasks import text_bytes

POISON = 37


def outputs(runner: Runner, stream) -> list[torch.Tensor]:
    """What is served for a stream, five tokens at a time."""
    found = []
    for piece in stream.split(5):
        runner.feed(piece)
        found.append(runner.output)
    return found


def make_engine(kind: str):
    """(engine, stream) of a kind: a variant of the model, or the memory alone."""
    if kind == "memory":
        engine = MemoryEngine(make_memory())
        return engine, torch.randn(150, 8, generator=torch.Generator().manual_seed(0)).double()
    return LanguageEngine(make_model(kind)), make_ids(150, rows=1)[0]


@pytest.mark.parametrize("kind", [*VARIANTS, "lmm_surprise", "memory"])
def test_after_a_rollback_the_poison_was_never_seen(kind, tmp_path):
    engine, stream = make_engine(kind)
    before, poison, after = stream[:30], stream[30 : 30 + POISON], stream[-50:]
    clean = Runner(engine)
    list(clean.run(before))
    wanted = outputs(clean, after)
    runner = Runner(engine, tmp_path)
    list(runner.run(before))
    runner.snapshots.save(runner.state, name="before")
    for _ in range(2):  # twice from the same file
        outputs(runner, poison)
        (event, _) = runner.rollback("before")
        assert event.action == "rollback" and "before" in event.cause
        assert all(map(torch.equal, outputs(runner, after), wanted))
        assert all(map(torch.equal, tensors(runner.state), tensors(clean.state)))


def test_without_the_rollback_the_outputs_differ():
    engine, stream = make_engine("mag")
    clean, poisoned = Runner(engine), Runner(engine)
    list(clean.run(stream[:30]))
    list(poisoned.run(stream[: 30 + POISON]))
    pairs = zip(outputs(clean, stream[-50:]), outputs(poisoned, stream[-50:]), strict=True)
    assert not any(torch.equal(a, b) for a, b in pairs)


def test_snapshots_come_every_so_many_tokens_and_few_stay(tmp_path):
    engine, stream = make_engine("memory")
    runner = Runner(engine, tmp_path, config=RunConfig(piece=10, snapshot_every=40, keep=2))
    events = list(runner.run(stream))
    assert [(event.action, event.kind, event.token) for event in events] == [
        ("snapshot", "auto", token) for token in (0, 40, 80, 120)
    ]
    assert [snapshot.tokens for snapshot in runner.snapshots.list()] == [80, 120]


@pytest.mark.parametrize("folder", [True, False])
def test_a_broken_memory_goes_back_by_itself_and_the_piece_is_not_lost(folder, tmp_path):
    engine, stream = make_engine("mag")
    config = RunConfig(piece=10, snapshot_every=40)
    runner = Runner(engine, tmp_path if folder else None, config=config)
    list(runner.run(stream[:60]))
    runner.replace(broken_weight(runner.state))
    actions = [(event.action, event.kind) for event in runner.feed(stream[60:70])]
    written = [("snapshot", "auto")] if folder else []
    assert actions == [("alarm", "not_finite"), ("rollback", "snapshot"), *written, ("clear", "not_finite")]
    clean = Runner(engine)
    list(clean.run(stream[:40]))
    clean.feed(stream[60:70])
    torch.testing.assert_close(runner.output, clean.output, rtol=1e-12, atol=1e-12)


def test_a_broken_input_is_skipped():
    engine, stream = make_engine("memory")
    runner = Runner(engine, config=RunConfig(piece=10))
    list(runner.run(stream[:20]))
    bad = stream[20:30].clone()
    bad[4, 2] = math.nan
    events = runner.feed(bad)
    assert [event.action for event in events] == ["alarm", "rollback", "skip"]
    assert events[0].token == 24 and "not finite" in events[0].cause
    assert runner.token == 30 and [event.action for event in runner.feed(stream[30:40])] == ["clear"]


def test_an_alarm_keeps_evidence_and_a_rollback_passes_over_it(tmp_path):
    ids, engine = text_bytes(), RecipeEngine()
    runner = Runner(engine, tmp_path, config=RunConfig(snapshot_every=100))
    list(runner.run(ids[:200]))
    runner.monitor.bounds["norm"] = 1.0  # an alarm from here on
    assert [event.kind for event in runner.feed(ids[200:300])] == ["norm", "alarm"]
    assert [snapshot.label for snapshot in runner.snapshots.list()] == ["auto", "auto", "auto", "alarm"]
    assert runner.rollback()[0].cause.endswith("auto.safetensors: by hand")
    assert runner.state.tokens_seen.item() == 200


def test_a_rollback_passes_over_damaged_files_and_says_so(tmp_path):
    engine, stream = make_engine("mag")
    runner = Runner(engine, tmp_path, config=RunConfig(piece=10, snapshot_every=20))
    list(runner.run(stream[:40]))
    newest = runner.snapshots.list()[-1].path
    newest.write_bytes(newest.read_bytes()[:-1])
    assert [event.action for event in runner.rollback()] == ["refused", "rollback", "snapshot"]
    assert runner.state.tokens_seen.item() == 20
    with pytest.raises(SnapshotError, match="snapshot must be one of auto, auto"):
        runner.rollback("never taken")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_disk_is_told_and_the_stream_goes_on(tmp_path, monkeypatch, number):
    engine, stream = make_engine("mag")
    runner = Runner(engine, tmp_path, config=RunConfig(piece=10, snapshot_every=20))
    list(runner.run(stream[:20]))

    def fail(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    events = list(runner.run(stream[20:60]))
    assert [(event.action, event.token) for event in events] == [("refused", 40), ("refused", 60)]
    assert os.strerror(number) in events[0].cause and "\n" not in events[0].cause
    assert runner.rollback()[0].action == "rollback" and runner.state.tokens_seen.item() == 20


WRONG = {
    "language": [[-1], [10**9], [], [0.5], [[1]], None, [True]],
    "recipe": [[-1], [256], [], [0.5], [[1]], None, [True]],
    "memory": [[1.0], [[1.0] * 7], [[1] * 8], None, []],
}


@pytest.mark.parametrize(("kind", "wrong"), [(kind, wrong) for kind, all_ in WRONG.items() for wrong in all_])
def test_a_piece_that_cannot_be_read_is_refused_and_changes_nothing(kind, wrong, tmp_path):
    """-1 was once read as byte 255, and 256 ended in an IndexError after it was counted."""
    engine = {
        "language": lambda: LanguageEngine(make_model("mag")),
        "recipe": RecipeEngine,
        "memory": lambda: MemoryEngine(make_memory()),
    }[kind]()
    piece = wrong if wrong is None else torch.tensor(wrong) if wrong else torch.zeros(0, dtype=torch.int64)
    runner = Runner(engine, tmp_path)
    before = tensors(runner.state)
    for call in (runner.feed, lambda piece: engine.read(piece, engine.start())):
        with pytest.raises(ConfigError, match="piece must") as caught:
            call(piece)
        assert "\n" not in str(caught.value)
    assert runner.token == 0 and not runner.snapshots.list() and all(map(torch.equal, tensors(runner.state), before))


def test_the_shadow_rule_in_numbers():
    config = ShadowConfig(threshold=0.05, patience=5, horizon=1)
    worse, just, better = math.log(1.06), math.log(1.04), -1.0
    run = lambda costs, state=ShadowState(): compare(state, [1 + c for c in costs], [1.0] * len(costs), config)  # noqa: B008, E731
    assert run([worse] * 5).degraded and not run([worse] * 4).degraded
    assert not run([just] * 50).degraded and not run([better] * 50).degraded
    assert not run([*[worse] * 4, just, *[worse] * 4]).degraded  # in a row
    down = run([worse] * 5)
    assert run([just] * 4, down).degraded and not run([just] * 5, down).degraded
    assert run([*[just] * 4, worse, *[just] * 4], down).degraded
    assert down == run([worse] * 2, run([worse] * 3))  # a value: in parts as at once
    assert run([worse]).difference == pytest.approx(0.06)


def test_the_running_mean_forgets_single_tokens():
    config = ShadowConfig(patience=1, horizon=100)
    state = compare(ShadowState(), [1.0] * 200, [1.0] * 200, config)
    assert not compare(state, [4.0], [1.0], config).degraded
    assert compare(state, [4.0] * 3, [1.0] * 3, config).degraded


@pytest.fixture(scope="module")
def engine():
    return LanguageEngine(healthy_model())


def shadowed(engine) -> Runner:
    """A run of 1,000 clean tokens with a snapshot just taken."""
    runner = Runner(engine, config=RunConfig(snapshot_every=1000))
    assert list(runner.run(text_bytes()[:1000])) == []
    return runner


def test_a_clean_stream_is_never_degraded(engine):
    runner = Runner(engine, config=RunConfig(snapshot_every=1500))
    for piece in text_bytes()[:5000].split(100):
        assert runner.feed(piece) == [] and runner.compared.streak == 0


def test_a_poisoned_stream_brings_the_shadow_and_it_is_promoted_back_by_hand(engine):
    runner, text = shadowed(engine), text_bytes()
    base, since = runner.state, 0  # of the last snapshot, and its place in the stream
    digits = torch.tensor(list(b"0123456789ABCDEF"))  # what the memory learns of them harms it, over and over
    stream = torch.cat([digits.repeat(100), text[1000:3000]])
    for end in range(100, len(stream) + 1, 100):
        events = runner.feed(stream[end - 100 : end])
        if runner.compared.degraded:
            break
        if end % 1000 == 0:
            base, since = runner.state, end
    assert [event.action for event in events] == ["degrade"]
    assert "main's perplexity was more than 5% above the shadow's for 200 tokens" in events[0].cause
    assert events[0].limit == 0.05 and runner.output is not runner.main.output
    with torch.no_grad():  # what is served is what the snapshot's memory says, with the stream as context
        wanted, _ = engine.lm(stream[None, since:end], base, memory="frozen")
    torch.testing.assert_close(runner.output, wanted[:, -100:], rtol=1e-3, atol=1e-3)
    assert [event.action for event in runner.promote()] == ["promote"] and runner.promote() == []
    assert not any(event.action == "degrade" for event in runner.run(text[3000:4500]))
    assert runner.output is runner.main.output


def test_promoted_back_by_itself_once_main_has_recovered(engine):
    runner, text = shadowed(engine), text_bytes()
    runner.compared = runner.compared._replace(degraded=True)
    assert runner.output is runner.shadow.output
    events = list(runner.run(text[1000:1300]))
    assert [(event.action, event.kind) for event in events] == [("promote", "shadow")]
    assert runner.output is runner.main.output


def test_settings_are_checked():
    for wrong in (dict(piece=0), dict(snapshot_every=0), dict(keep=0)):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            RunConfig(**wrong)
    for wrong in (dict(threshold=-1), dict(patience=0), dict(horizon=0)):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            ShadowConfig(**wrong)
