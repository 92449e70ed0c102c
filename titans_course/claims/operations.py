"""Claims on running a memory: alarm, snapshots, rollback, shadow, sessions, and a long stream."""

from __future__ import annotations

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
from titans_mini.operate import LanguageEngine, MemoryEngine, Runner, Sessions, memory_bytes
from titans_mini.stream import Reader, StreamConfig, make_fact, recall_fact
from titans_mini.timing import seconds
from titans_mini.training.checkpoint import load_model

from ..studies.drill import NONE, SCALED, SHORT_RUN, Drill, DrillConfig, delays
from .counting import LARGEST, WIDTH
from .finding import LONG, Figures, Finding, Size, Spread, grade

MODEL = "text-mag"
CLEAN, SICK, AFTER = 1500, 800, 200  # tokens of a drill before, in and after its incident
ONCE = 50.0  # by which a matrix of the memory is scaled once, for the alarms
AGAIN = (6.0, 20.0)  # by which it is scaled before each piece, for the shadow
SPACING = 4000  # bytes of the held-out text between the streams of two seeds
ROLLBACK = 30.0  # seconds; recipe: 5.2
LINEAR, CONSTANT = 1.1, 1.1  # largest slope of log time over log tokens, and growth of peak memory


def in_fresh_process(name: str, *arguments):
    """What a function of this module returns in a process that shares nothing with this one; plain JSON both ways."""
    code = f"import json, sys; from {__name__} import {name}; print(json.dumps({name}(*json.loads(sys.argv[1]))))"
    command = [sys.executable, "-c", code, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"{name} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
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
    """Norms of a memory before and after a matrix is scaled, against 100 d; a large memory's snapshot and rollback."""
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
    """Seconds and megabytes of a snapshot of one memory of the size's large width, and seconds of the way back."""
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(MemoryEngine(NeuralMemory(MemoryConfig(dim=size.large))), folder)
        runner.feed(torch.randn(4, size.large, generator=torch.Generator().manual_seed(0)))
        saved = seconds(lambda: runner.snapshots.save(runner.state, name="kept"))
        back = seconds(lambda: runner.rollback("kept"))
        megabytes = runner.snapshots.find("kept").path.stat().st_size / 1e6
    return {"width": size.large, "snapshot_mb": megabytes, "snapshot_seconds": saved, "rollback_seconds": back}


def judge_alarms(figures: Figures) -> Finding:
    """Parts: the alarm at 100 d fires in the incident; a 760M layer's snapshot is below 30 MB; rollback within 30 s."""
    told = (
        f"a memory whose norm is {figures['norm_clean']} in clean text has {figures['norm_faulty']} after a matrix was "
        f"scaled by {ONCE:g}, against a limit of {figures['limit']:,.0f}: the alarm fired in "
        f"{figures['fired_norm']:.0%} of the drills, a calibrated one in {figures['fired_calibrated']:.0%}; one memory "
        f"of width {WIDTH} is {figures['snapshot_mb_760m']:.0f} MB; at width {figures['width']} a snapshot with "
        f"momentum took {figures['snapshot_mb']:.0f} MB and {figures['snapshot_seconds']:.2g} s, the way back "
        f"{figures['rollback_seconds']:.2g} s"
    )
    small, soon = figures["snapshot_mb_760m"] * 1e6 < LARGEST, figures["rollback_seconds"] <= ROLLBACK
    return Finding(grade(figures["fired_norm"] > 0.5, small, soon), figures, told)


def measure_shadow(size: Size) -> Figures:
    """Drills with a healthy and with a spoilt memory, a stream each seed: in which, and when, the shadow took over."""
    engine, figures, known = LanguageEngine(load_model(MODEL)), {}, []
    for factor in (1.0, *AGAIN):
        drills = [_drill(engine, seed, NONE if factor == 1 else SCALED, factor) for seed in size.all_seeds]
        took = [delays(drill.events, CLEAN if factor > 1 else 0).get("degrade") for drill in drills]
        figures[f"degraded_{factor:g}"] = sum(tokens is not None for tokens in took) / len(took)
        known += [tokens for tokens in took if tokens is not None and factor > 1]
        late = [[sample.difference for sample in drill.samples if sample.token > CLEAN] for drill in drills]
        figures[f"difference_{factor:g}"] = Spread.of(statistics.fmean(series) for series in late)
    return figures | ({"tokens_to_degrade": Spread.of(known)} if known else {})


def judge_shadow(figures: Figures) -> Finding:
    """Parts: the shadow takes over in every drill with a spoilt memory; in some, and never for a healthy one."""
    caught = [figures[f"degraded_{factor:g}"] for factor in AGAIN]
    after = f", after {figures['tokens_to_degrade']} tokens" if "tokens_to_degrade" in figures else ""
    told = (
        f"the shadow took over in {caught[0]:.0%} of the drills whose memory is scaled by {AGAIN[0]:g} before each "
        f"piece and in {caught[1]:.0%} at {AGAIN[1]:g}{after}, and in {figures['degraded_1']:.0%} with a healthy one; "
        f"perplexity against the shadow's: healthy {figures['difference_1']:+.0%}, spoilt "
        f"{figures['difference_6']:+.0%} and {figures['difference_20']:+.0%}"
    )
    return Finding(grade(min(caught) == 1, max(caught) > 0 and figures["degraded_1"] == 0), figures, told)


def read_stream(tokens: int) -> dict:
    """The results of a stream read to its end; peak memory is that of the whole process."""
    return Reader(StreamConfig(tokens=tokens)).run(quiet=True)


def measure_linear(size: Size) -> Figures:
    """`titans-mini stream`: how time and peak memory grow, and whether the fact told at the start is recalled."""
    results = in_fresh_process("read_stream", size.stream)
    names = ("tokens", "slope", "memory_ratio", "share_recalled", "tokens_per_second")
    return {name: results[name] for name in names}


def judge_linear(figures: Figures) -> Finding:
    """Parts: time is linear, memory constant, the fact recalled; read to 2 million tokens."""
    told = (
        f"log time rises by {figures['slope']:.3f} for each 1 of log tokens up to {figures['tokens']:,}, peak memory "
        f"to {figures['memory_ratio']:.3f} times that of 16,384 tokens; {figures['share_recalled']:.0%} of what was "
        "told at the start was recalled"
    )
    parts = (figures["slope"] <= LINEAR, figures["memory_ratio"] <= CONSTANT, figures["share_recalled"] == 1)
    return Finding(grade(*parts, any(parts) and figures["tokens"] >= LONG), figures, told)


def recall_kept(folder: str, asked: list[tuple[str, int]]) -> list[float]:
    """For each user and seed of a fact, the share that the user's session in this folder recalls."""
    engine, shares = LanguageEngine(load_model("recall-lmm")), []
    for user, seed in asked:
        with Sessions(folder, engine).open(user, "talk") as session:
            shares.append(recall_fact(engine.lm, session.state, make_fact("recall", seed))["share_recalled"])
    return shares


def measure_sessions(size: Size) -> Figures:
    """A fact told to one user's session is asked for in another process, of that user and of one who was not told."""
    engine = LanguageEngine(load_model("recall-lmm"))
    told, strangers = ([(f"{kind}{seed}", seed) for seed in size.all_seeds] for kind in ("user", "stranger"))
    with tempfile.TemporaryDirectory() as folder:
        for user, seed in told:
            with Sessions(folder, engine).open(user, "talk") as session:
                session.state = engine.read(make_fact("recall", seed).told[0], session.state).state
        shares = in_fresh_process("recall_kept", folder, told + strangers)
    return {"recall_kept": Spread.of(shares[: size.seeds]), "recall_stranger": Spread.of(shares[size.seeds :])}


def judge_sessions(figures: Figures) -> Finding:
    """Parts: nine facts in ten outlive the process; a stranger's session knows none but by chance."""
    told = (
        f"told in one process and asked in another, the same user's session recalls {figures['recall_kept']:.0%} of "
        f"the facts, a stranger's {figures['recall_stranger']:.0%}"
    )
    kept, apart = figures["recall_kept"].mean >= 0.9, figures["recall_stranger"].mean <= 0.25
    return Finding(grade(kept, kept and apart), figures, told)
