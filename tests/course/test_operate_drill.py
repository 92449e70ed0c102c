"""A drill reads what it says, breaks what it says, branches without touching where it came from, and can be undone."""

import math

import pytest
import torch
from builders import make_memory
from words import HAN, english

from titans_course.lab.operations import make_engine
from titans_course.language import tell
from titans_course.studies import drill
from titans_course.studies.drill import Drill, DrillConfig, clean_drill, delays, flip_byte, make_drill_stream
from titans_course.studies.incidents import STREAM_INCIDENTS, broken_weight, scaled_weight
from titans_course.studies.rounding import bits_ahead, recall_of, rounded
from titans_mini import ConfigError, SimulationConfig, TitansConfig, TitansLM, simulate
from titans_mini.memory.tree import tensors
from titans_mini.messages import Message
from titans_mini.operate import Event, Limits, MemoryEngine, RecipeEngine, RunConfig, Runner, SnapshotError
from titans_mini.operate.engine import LanguageEngine
from titans_mini.operate.snapshots import FILE
from titans_mini.training.tasks import text_bytes

RUN = RunConfig(snapshot_every=200, limits=Limits(window=100, warmup=200, hold=100))
SHORT = {"at": 400, "duration": 200, "tokens": 1000, "run": RUN}


@pytest.fixture(scope="module")
def engine():
    torch.manual_seed(0)
    return LanguageEngine(TitansLM(TitansConfig("mag", vocab_size=256, dim=16, layers=1, heads=2)))


def short(**changes) -> DrillConfig:
    return DrillConfig(**{**SHORT, **changes})


def same(first, second) -> bool:
    return all(map(torch.equal, tensors(first), tensors(second)))


def test_the_stream_is_held_out_text_with_the_poison_in_it():
    text = text_bytes(True)
    assert torch.equal(make_drill_stream(short(incident="none", offset=7)), text[7:1007])
    for name, poison in STREAM_INCIDENTS.items():
        stream = make_drill_stream(short(incident=name))
        assert len(stream) == 1000 and torch.equal(stream[:400], text[:400])
        assert torch.equal(stream[400:600], poison(200)) and torch.equal(stream[600:], text[400:800])
        assert torch.equal(make_drill_stream(short(incident=name, at=1000)), text[:1000])
    seeds = [make_drill_stream(short(incident="random_bytes", seed=seed)) for seed in (0, 1)]
    assert not torch.equal(*seeds)


def test_a_series_takes_the_place_of_the_text_and_poison_moves_its_changes():
    clean, known = drill.scenarios.SCENARIOS["series"](1000, torch.Generator().manual_seed(2))[:2]
    config = short(incident="none", stream="series", seed=2)
    assert torch.equal(make_drill_stream(config), clean) and drill.regimes(config) == list(known)
    assert drill.regimes(short(incident="none")) == []
    poisoned = short(incident="repeated_string", stream="series", seed=2, at=300)
    stream, moved = make_drill_stream(poisoned), drill.regimes(poisoned)
    assert [event.name for event in moved] == [event.name for event in known]
    assert (moved[0].start, moved[1]) == (known[0].start, drill.scenarios.Event("higher level", 250, 575))
    for old, new in zip(known[2:4], moved[2:4], strict=True):
        assert torch.equal(stream[new.start : new.end], clean[old.start : old.end][: 1000 - new.start])


def test_the_model_writes_more_after_a_higher_level_of_a_series_and_not_after_a_shorter_period():
    found = []
    for seed in range(3):
        one = Drill(make_engine("language"), DrillConfig("none", tokens=6000, stream="series", seed=seed))
        one.advance(4000)
        found.append([one.at(token).writes for token in (1500, 2500, 4000)])
        assert [(event.action, event.token) for event in one.events] == [("degrade", 300)]
    before, higher, shorter = map(sum, zip(*found, strict=True))
    print(found)
    assert 14 <= before / 3 <= 20 and 70 <= higher / 3 <= 78 and shorter < before


def test_a_drill_is_a_runner_whose_memory_is_spoilt_before_each_piece(engine):
    one = Drill(engine, short(factor=3.0))
    happened = one.advance()
    runner, wanted = Runner(engine, config=RUN), []
    for start in range(0, 1000, 100):
        if 400 <= start < 600:
            runner.replace(scaled_weight(runner.state, factor=3.0))
        wanted += runner.feed(text_bytes(True)[start : start + 100])
    assert happened == one.events == wanted and same(one.runner.state, runner.state)
    assert one.done and one.step() == [] and one.read == 1000
    assert [sample.token for sample in one.samples] == list(range(100, 1001, 100))
    last, compared = one.samples[-1], runner.compared
    assert last[1:5] == runner.monitor.metrics[1:5] and one.at(1000) == last
    assert last.main_bits == pytest.approx(compared.main / math.log(2)) and last.difference == compared.difference
    assert one.peak == max(sample.norm for sample in one.samples) > 1.2 * one.at(400).norm
    with pytest.raises(ConfigError, match="token must be one"):
        one.at(150)


def test_a_broken_number_strikes_once(engine):
    one = Drill(engine, short(incident="broken_weight"))
    one.advance()
    assert one.config.end == 500
    assert [event.action for event in one.events] == ["alarm", "rollback", "clear"]
    assert one.events[0].kind == "not_finite" and one.events[0].token == 400


def test_a_memory_that_foretells_nothing_has_no_comparison():
    one = Drill(RecipeEngine(), short(incident="none"))
    one.advance(200)
    assert one.samples[-1].difference is None and one.samples[-1].main_bits is None


def test_a_branch_is_what_a_drill_of_its_own_would_be(engine):
    clean = clean_drill(engine, short())
    assert clean.read == 400 and clean.config.incident == "none"
    before, kept = clean.runner.state, len(clean.samples)
    for config in (short(incident="random_bytes"), short(factor=2.0)):
        alone = Drill(engine, config)
        alone.advance()
        branch = clean.play(config)
        assert branch.samples == alone.samples and branch.events == alone.events
        assert same(branch.runner.state, alone.runner.state) and branch.runner.engine is engine
    assert clean.runner.state is before and len(clean.samples) == kept and clean.read == 400
    assert same(clean.play(clean.config).runner.state, Drill(engine, clean.config).play(clean.config).runner.state)


def test_a_branch_that_would_lie_is_refused(engine, tmp_path):
    clean = clean_drill(engine, short())
    with pytest.raises(ConfigError, match="the stream must be the same up to token 400"):
        clean.branch(short(incident="random_bytes", at=300))
    with pytest.raises(ConfigError, match="the stream must be the same"):
        clean.branch(short(tokens=300))
    with pytest.raises(ConfigError, match="with the same run"):
        clean.branch(short(run=RunConfig()))
    with pytest.raises(ConfigError, match="without snapshots"):
        Drill(engine, short(), tmp_path).branch(short())


def test_going_back_by_hand_is_seen_at_once(engine, tmp_path):
    one = Drill(engine, short(factor=20.0), tmp_path)
    one.advance(400)
    good = one.runner.state
    one.snapshot("by-hand")
    one.advance(200)
    spoilt = one.samples[-1].norm
    one.rollback("by-hand")
    assert same(one.runner.state, good) and one.samples[-1].token == 600
    assert one.samples[-1].norm == pytest.approx(one.at(400).norm) and one.samples[-1].norm < spoilt / 2
    assert one.samples[-1].loss is None and one.samples[-1].main_bits is None
    assert [event.action for event in one.events[-2:]] == ["rollback", "snapshot"]
    one.take_over(engine.start(), "session ana resumed")
    assert same(one.runner.state, engine.start()) and same(one.runner.shadow.state, engine.start())
    assert "session ana resumed" in one.events[-2].cause
    one.advance(100)
    assert one.samples[-1].loss is not None


def test_all_that_happens_is_said_in_chinese(engine, tmp_path):
    one = Drill(engine, short(factor=50.0), tmp_path)
    one.advance(500)
    one.snapshot("by-hand")
    one.runner.replace(broken_weight(one.runner.state))
    one.advance(300)
    flip_byte(one.runner.snapshots.list()[-1])
    one.rollback()
    one.runner.compared = one.runner.compared._replace(degraded=True)
    one.promote()
    one.take_over(engine.start(), Message("session {name} resumed", name="loss"))
    actions = {event.action for event in one.events}
    assert actions >= {"alarm", "clear", "snapshot", "refused", "rollback", "promote"}
    for event in one.events:
        said = tell(event.cause, "zh")
        files = [snapshot.group() for snapshot in FILE.finditer(said)]
        assert HAN.search(said) and not english([said], {*["loss", "d"], *english(files, ())}), said
    assert any("会话 loss" in tell(event.cause, "zh") for event in one.events)  # a person's own word stays


def test_promoting_by_hand(engine):
    one = Drill(engine, short(incident="none"))
    one.advance(200)
    one.promote()
    assert not any(event.action == "promote" for event in one.events)
    one.runner.compared = one.runner.compared._replace(degraded=True)
    one.promote()
    assert one.events[-1].action == "promote" and not one.samples[-1].degraded


def test_without_a_folder_nothing_is_written(engine):
    one = Drill(engine, short())
    one.advance(100)
    for action in (lambda: one.snapshot("by-hand"), lambda: one.take_over(engine.start(), "x")):
        with pytest.raises(SnapshotError, match="no folder"):
            action()
    one.rollback()
    assert one.events[-1].action == "rollback"


def test_events_are_bounded(engine, monkeypatch):
    monkeypatch.setattr(drill, "KEPT_EVENTS", 3)
    one = Drill(engine, short())
    one.note(Event("clear", str(number), "", number) for number in range(7))
    assert [event.token for event in one.events] == [4, 5, 6]


def test_what_comes_next_is_the_stream_and_then_the_text(engine):
    one = Drill(engine, short(tokens=150))
    one.advance(100)
    assert torch.equal(one.ahead(60), torch.cat([one.stream[100:], text_bytes(True)[:10]]))


def test_delays_count_from_the_incident_and_once():
    kinds = [("alarm", "loss", 90), ("alarm", "loss", 300), ("clear", "loss", 350), ("alarm", "norm", 400)]
    events = [Event(action, kind, "", token) for action, kind, token in [*kinds, ("alarm", "loss", 500)]]
    events += [Event("degrade", "shadow", "", 450), Event("promote", "by hand", "", 600)]
    assert list(delays(events, 100).items()) == [("loss", 200), ("norm", 300), ("degrade", 350), ("promote", 500)]


def test_one_flipped_bit_is_refused(engine, tmp_path):
    one = Drill(engine, short(), tmp_path)
    one.advance(200)
    first, last = one.runner.snapshots.list()
    before = last.path.read_bytes()
    flip_byte(last, 1000)
    changed = [i for i, (a, b) in enumerate(zip(before, last.path.read_bytes(), strict=True)) if a != b]
    assert changed == [1000] and one.runner.snapshots.latest()[0] == first
    with pytest.raises(ConfigError, match="place must be within"):
        flip_byte(last, 10**9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("incident", "rain"), ("at", -1), ("duration", 0), ("factor", math.nan), ("tokens", 0), ("tokens", 30_001),
     ("offset", 46_620), ("seed", -1)],
)  # fmt: skip
def test_settings_are_checked(name, value):
    with pytest.raises(ConfigError, match=f"{name} must be"):
        DrillConfig(**{name: value})


def test_bits_ahead_are_the_models_and_rounding_is_measured(engine):
    text = text_bytes(True)
    state = engine.read(text[:200], engine.start()).state
    with torch.no_grad():
        logits, _ = engine.lm(text[None, :500])
    nats = torch.nn.functional.cross_entropy(logits[0, 200:499], text[201:500]).item()
    assert bits_ahead(engine, state, text[200:500]) == pytest.approx(nats / math.log(2), rel=1e-4)
    table = {row.weights: row for row in rounded(engine, state, text[200:500])}
    assert list(table) == ["fp32", "int8", "int4", "start"]
    rows, columns = zip(*(weight.shape[-2:] for weight in engine.fast(state)[0]), strict=True)
    numbers, scales = sum(r * c for r, c in zip(rows, columns, strict=True)), sum(rows)
    assert [row.bytes for row in table.values()] == [
        4 * numbers, numbers + 4 * scales, numbers // 2 + 4 * scales, 4 * numbers
    ]  # fmt: skip
    assert table["start"].score == bits_ahead(engine, engine.start(), text[200:500])
    off = [abs(table[kind].score - table["fp32"].score) for kind in ("int8", "int4")]
    assert 0 < off[0] < off[1]


def test_recall_of_the_recipes_memory_is_the_simulators():
    trace, engine = simulate(SimulationConfig(tokens=300)), RecipeEngine()
    ids = torch.from_numpy(trace.tokens).long()
    state = engine.read(ids, engine.start()).state
    table = {row.weights: row for row in rounded(engine, state, ids)}
    assert table["fp32"].score == pytest.approx(1 - trace.loss_after[4:].mean(), abs=1e-3)
    assert table["fp32"].score == recall_of(engine, state.fast.weights, ids) > table["start"].score
    assert abs(table["int8"].score - table["fp32"].score) < abs(table["int4"].score - table["fp32"].score)


def test_other_engines_are_not_rounded():
    engine = MemoryEngine(make_memory())
    with pytest.raises(ConfigError, match="engine must be"):
        rounded(engine, engine.start(), torch.zeros(2, dtype=torch.int64))
