"""Claims on running a memory: alarm, snapshots, rollback, shadow, sessions, and a long stream."""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace

import torch

from titans_mini.config import MemoryConfig
from titans_mini.errors import ConfigError
from titans_mini.memory import NeuralMemory
from titans_mini.messages import Message
from titans_mini.operate import LanguageEngine, MemoryEngine, Runner, Sessions
from titans_mini.stream import Reader, StreamConfig, make_fact, recall_fact
from titans_mini.training.checkpoint import load_model

from ..studies.drill import NONE, SCALED, SHORT_RUN, Drill, DrillConfig, delays
from ..studies.flops import memory_bytes
from ..studies.timing import seconds
from .claim import TITANS, Claim, Judged
from .counting import LARGEST, WIDTH
from .finding import LONG, Figures, Size, Spread, grade

MODEL = "conv-mag"
CLEAN, SICK, AFTER = 1500, 800, 200  # tokens of a drill before, in and after its incident
ONCE = 50.0  # factor that scales a matrix of the memory once, for the alarms
AGAIN = (6.0, 20.0)  # factor that scales it before each piece, for the shadow
SPACING = 4000  # bytes of the held-out text between the streams of two seeds
ROLLBACK = 30.0  # seconds; recipe: 5.2
LINEAR, CONSTANT = 1.1, 1.1  # largest slope of log time over log tokens, and growth of peak memory


def in_fresh_process(name: str, *arguments):
    """Runs a function of this module in a process of its own; arguments and result are plain JSON."""
    code = f"import json, sys; from {__name__} import {name}; print(json.dumps({name}(*json.loads(sys.argv[1]))))"
    command = [sys.executable, "-X", "utf8", "-c", code, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [Message("no message")])[-1]
        raise ConfigError("{name} failed: {reason}", name=name, reason=reason)
    return json.loads(done.stdout)


def _drill(engine: LanguageEngine, seed: int, incident: str, factor: float = 1.0, duration: int = SICK) -> Drill:
    """A drill read to its end: held-out text, with a snapshot each 500 tokens."""
    limits = replace(SHORT_RUN.limits, warmup=CLEAN - 300)
    run = replace(SHORT_RUN, snapshot_every=500, limits=limits)
    tokens = CLEAN + duration + AFTER
    drill = Drill(engine, DrillConfig(incident, CLEAN, duration, factor, tokens, offset=seed * SPACING, run=run))
    drill.advance()
    return drill


def measure_alarms(size: Size) -> Figures:
    """Norms of a memory before and after scaling a matrix, against 100 d; a large memory's snapshot and rollback."""
    engine = LanguageEngine(load_model(MODEL))
    drills = [_drill(engine, seed, SCALED, ONCE, SHORT_RUN.piece) for seed in size.all_seeds]
    norms = [[sample.norm for sample in drill.samples] for drill in drills]
    clean = CLEAN // SHORT_RUN.piece
    fired = [[event.kind for event in drill.events if event.action == "alarm"] for drill in drills]
    figures: Figures = {
        "limit": drills[0].runner.monitor.bounds["norm"],
        "norm_clean": Spread.of(max(series[:clean]) for series in norms),
        "norm_faulty": Spread.of(max(series[clean:]) for series in norms),
        "fired_norm": sum("norm" in kinds for kinds in fired) / len(fired),
        "fired_calibrated": sum("norm_rise" in kinds for kinds in fired) / len(fired),
    }
    figures["snapshot_mb_760m"] = memory_bytes(width=WIDTH) / 1e6
    return figures | _rollback(size)


def _rollback(size: Size) -> Figures:
    """Seconds and megabytes of a snapshot of one memory of the size's large width, and seconds of the rollback."""
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(MemoryEngine(NeuralMemory(MemoryConfig(dim=size.large))), folder)
        runner.feed(torch.randn(4, size.large, generator=torch.Generator().manual_seed(0)))
        saved = seconds(lambda: runner.snapshots.save(runner.state, name="kept"))
        back = seconds(lambda: runner.rollback("kept"))
        megabytes = runner.snapshots.find("kept").path.stat().st_size / 1e6
    return {"width": size.large, "snapshot_mb": megabytes, "snapshot_seconds": saved, "rollback_seconds": back}


def judge_alarms(figures: Figures) -> Judged:
    """Parts: the alarm at 100 d fires in the incident; a 760M layer's snapshot is below 30 MB; rollback within 30 s."""
    told = Message(
        "a memory whose norm is {norm_clean} in clean text has {norm_faulty} after a matrix was scaled by {factor:g}, "
        "against a limit of {limit:,.0f}: the alarm fired in {fired_norm:.0%} of the drills, a calibrated one in "
        "{fired_calibrated:.0%}; one memory of width {layer} is {snapshot_mb_760m:.0f} MB; at width {width} a snapshot "
        "with momentum took {snapshot_mb:.0f} MB and {snapshot_seconds:.2g} s, the way back {rollback_seconds:.2g} s",
        **figures | {name: figures[name].tell() for name in ("norm_clean", "norm_faulty")}, factor=ONCE, layer=WIDTH,
    )  # fmt: skip
    small, soon = figures["snapshot_mb_760m"] * 1e6 < LARGEST, figures["rollback_seconds"] <= ROLLBACK
    return Judged(grade(figures["fired_norm"] > 0.5, small, soon), told)


ALARMS = Claim(
    key="alarms", section="5.1, 5.2",
    claim="‖m_t‖₂ > threshold (100×d by experience) triggers a snapshot and an alarm … (only 0.3% of the parameters, "
    "< 30 MB) … roll back to the last snapshot within 30 seconds",
    claim_zh="‖m_t‖₂> 阈值(经验取 100×d)触发快照 + 告警 … (仅 0.3% 参数,< 30 MB) … 30 秒内回滚到上一快照",
    measure=measure_alarms, judged=judge_alarms,
)  # fmt: skip


def measure_shadow(size: Size) -> Figures:
    """Drills with a healthy and with a damaged memory, one stream per seed: whether and when the shadow took over."""
    engine, figures, known = LanguageEngine(load_model(MODEL)), {}, []
    for factor in (1.0, *AGAIN):
        drills = [_drill(engine, seed, NONE if factor == 1 else SCALED, factor) for seed in size.all_seeds]
        took = [delays(drill.events, CLEAN if factor > 1 else 0).get("degrade") for drill in drills]
        figures[f"degraded_{factor:g}"] = sum(tokens is not None for tokens in took) / len(took)
        known += [tokens for tokens in took if tokens is not None and factor > 1]
        late = [[sample.difference for sample in drill.samples if sample.token > CLEAN] for drill in drills]
        figures[f"difference_{factor:g}"] = Spread.of(statistics.fmean(series) for series in late)
    return figures | ({"tokens_to_degrade": Spread.of(known)} if known else {})


def judge_shadow(figures: Figures) -> Judged:
    """Parts: the shadow takes over in every drill with a spoilt memory; in some, and never for a healthy one."""
    at = Message("{share:.0%} at {factor:g}", share=figures["degraded_20"], factor=AGAIN[1])
    if "tokens_to_degrade" in figures:
        at = Message("{at}, after {tokens} tokens", at=at, tokens=figures["tokens_to_degrade"].tell())
    told = Message(
        "the shadow took over in {degraded_6:.0%} of the drills whose memory is scaled by {factor:g} before each piece "
        "and in {at}, and in {degraded_1:.0%} with a healthy one; perplexity against the shadow's: healthy {healthy}, "
        "spoilt {spoilt} and {worst}",
        **figures, factor=AGAIN[0], at=at, healthy=figures["difference_1"].tell("+.0%"),
        spoilt=figures["difference_6"].tell("+.0%"), worst=figures["difference_20"].tell("+.0%"),
    )  # fmt: skip
    caught = [figures[f"degraded_{factor:g}"] for factor in AGAIN]
    return Judged(grade(min(caught) == 1, max(caught) > 0 and figures["degraded_1"] == 0), told)


SHADOW = Claim(
    key="shadow", section="5.3",
    claim="the main model uses the updated memory, the shadow model the last snapshot … perplexity more than 5% apart "
    "for 200 steps in a row → automatic fallback",
    claim_zh="主模型用更新后记忆,影子模型用上一快照 … 连续 200 步 perplexity 差值 > 5% 自动降级",
    measure=measure_shadow, judged=judge_shadow,
)  # fmt: skip


def read_stream(tokens: int) -> dict:
    """The results of a stream read to its end; peak memory is that of the whole process."""
    return Reader(StreamConfig(tokens=tokens)).run(quiet=True)


def measure_linear(size: Size) -> Figures:
    """`titans-mini stream`: how time and peak memory grow, and whether the fact stated at the start is recalled."""
    results = in_fresh_process("read_stream", size.stream)
    names = ("tokens", "slope", "memory_ratio", "share_recalled", "tokens_per_second")
    return {name: results[name] for name in names}


def judge_linear(figures: Figures) -> Judged:
    """Parts: time is linear, memory constant, the fact recalled; read to 2 million tokens."""
    told = Message(
        "log time rises by {slope:.3f} for each 1 of log tokens up to {tokens:,}, peak memory to {memory_ratio:.3f} "
        "times that of 16,384 tokens; {share_recalled:.0%} of what was told at the start was recalled",
        **figures,
    )
    parts = (figures["slope"] <= LINEAR, figures["memory_ratio"] <= CONSTANT, figures["share_recalled"] == 1)
    return Judged(grade(*parts, any(parts) and figures["tokens"] >= LONG), told)


LINEAR_COST = Claim(
    key="linear", section="6", source=TITANS, papers="claimed above 2M tokens, with no number printed",
    claim="keeps linear complexity at a scale of 2M tokens", claim_zh="就能在 2M token 尺度保持线性复杂度",
    measure=measure_linear, judged=judge_linear,
)  # fmt: skip


def recall_kept(folder: str, asked: list[tuple[str, int]]) -> list[float]:
    """For each user and seed of a fact, the share that the user's session in this folder recalls."""
    engine, shares = LanguageEngine(load_model("recall-lmm")), []
    for user, seed in asked:
        with Sessions(folder, engine).open(user, "talk") as session:
            shares.append(recall_fact(engine.lm, session.state, make_fact("recall", seed))["share_recalled"])
    return shares


def measure_sessions(size: Size) -> Figures:
    """One user's session reads a fact; another process asks for it in that user's session and in a stranger's."""
    engine = LanguageEngine(load_model("recall-lmm"))
    told, strangers = ([(f"{kind}{seed}", seed) for seed in size.all_seeds] for kind in ("user", "stranger"))
    with tempfile.TemporaryDirectory() as folder:
        for user, seed in told:
            with Sessions(folder, engine).open(user, "talk") as session:
                session.state = engine.read(make_fact("recall", seed).told[0], session.state).state
        shares = in_fresh_process("recall_kept", folder, told + strangers)
    return {"recall_kept": Spread.of(shares[: size.seeds]), "recall_stranger": Spread.of(shares[size.seeds :])}


def judge_sessions(figures: Figures) -> Judged:
    """Parts: nine facts in ten outlive the process; a stranger's session knows none but by chance."""
    kept, stranger = figures["recall_kept"], figures["recall_stranger"]
    told = Message(
        "told in one process and asked in another, the same user's session recalls {kept} of the facts, a stranger's "
        "{stranger}",
        kept=kept.tell(".0%"), stranger=stranger.tell(".0%"),
    )  # fmt: skip
    return Judged(grade(kept.mean >= 0.9, kept.mean >= 0.9 and stranger.mean <= 0.25), told)


SESSIONS = Claim(
    key="sessions", section="6",
    claim='persistence across sessions, for an agent that "remembers once and benefits for life"',
    claim_zh="跨会话持久化,实现「一次记忆,终身受用」的 Agent",
    measure=measure_sessions, judged=judge_sessions,
)  # fmt: skip
