"""How near `train --dry-run` comes: memory and time against real steps of four models, each in a process of its own.

Seconds are of the processor, on one thread, for the measured rate too, so that other programs hardly disturb them.
"""

import multiprocessing
import sys
import time
import types
from pathlib import Path

import torch

from titans_mini import TitansConfig
from titans_mini.training import estimate
from titans_mini.training.tasks import make_batch, source_of
from titans_mini.training.train import TrainConfig, cut, learn, make_model, make_optimizer

MODELS = {  # dim, layers, heads, chunk, memory heads; sequences and their tokens
    "0.2M": (64, 2, 4, 16, 1, 4, 512),
    "5M": (256, 4, 8, 64, 4, 4, 512),
    "15M": (384, 6, 8, 64, 8, 2, 1024),
    "100M": (768, 10, 12, 64, 8, 1, 512),
}


def used(name: str) -> int:
    """Bytes of this process, by a name of /proc: VmRSS now, VmHWM at most."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def compare(name: str, steps: int = 3) -> None:
    """Prints a row of the table."""
    torch.set_num_threads(1)
    estimate.time = types.SimpleNamespace(perf_counter=time.process_time)
    dim, layers, heads, chunk, memories, rows, size = MODELS[name]
    shape = dict(dim=dim, layers=layers, heads=heads, window=chunk, chunk=chunk, memory_heads=memories)
    model, config = TitansConfig(variant="mag", **shape), TrainConfig(task="text", rows=rows, size=size)
    source = source_of("text")
    need, seconds = estimate.estimate(model, config, source), []
    speed = estimate.measure_speed("cpu")
    before = used("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", "utf-8", newline="\n")  # the most that was used counts from here
    lm = make_model(model, config)
    optimizer = make_optimizer(lm, config)
    pieces = cut(make_batch("text", rows, size, torch.Generator().manual_seed(0), source=source), 0)
    for _ in range(steps):
        began = time.process_time()
        learn(lm, optimizer, pieces, memory="on", gate_cost=0.0)
        seconds.append(time.process_time() - began)
    grown, said, took = used("VmHWM") - before, need.seconds(speed), min(seconds)
    memory = f"{need.peak / 1e6:,.0f} MB | {grown / 1e6:,.0f} MB | {grown / need.peak:.2f}"
    print(f"| {name}, {rows} x {size} | {memory} | {said:.2f} s | {took:.2f} s | {took / said:.2f} |", flush=True)


if __name__ == "__main__":
    print("| model, batch | memory: estimated | measured | ratio | a step: estimated | measured | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or MODELS:
        process = multiprocessing.get_context("spawn").Process(target=compare, args=(name,))
        process.start()
        process.join()
