"""What one process measures: `python -m benchmarks.cases '{"kind": ..., ...}'` prints one JSON object."""

import contextlib
import json
import statistics
import sys
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from titans_course.studies.flops import memory_flops, training_flops
from titans_course.studies.timing import medians, seconds
from titans_mini import MemoryConfig, SimulationConfig, simulate, simulate_many
from titans_mini.stream import Reader, StreamConfig, peak_memory

from .contestants import OURS, Contestant, make, present
from .machine import total_memory

PRODUCTS = {"mm", "bmm", "addmm", "baddbmm", "matmul"}
PEAK_SIZES = (512, 1024, 2048)  # widths of square matrix products; the fastest one is the machine's peak


def product_peak(rounds: int) -> float:
    """Operations per second of the fastest square float32 matrix product, median of `rounds`."""
    best = 0.0
    for size in PEAK_SIZES[: 1 if rounds < 2 else None]:
        a, b = torch.randn(2, size, size).unbind()
        best = max(best, 2 * size**3 / medians({"product": lambda a=a, b=b: a @ b}, rounds)["product"])
    return best


def forward(contestant: Contestant, x: Tensor) -> None:
    """The outputs, without gradients."""
    with torch.inference_mode():
        contestant(x)


def train(contestant: Contestant, x: Tensor) -> None:
    """The outputs and the gradients of all parameters."""
    contestant.zero_grad()
    contestant(x)[0].square().mean().backward()


PASSES: dict[str, Callable[[Contestant, Tensor], None]] = {"forward": forward, "training": train}
COUNTS = {"forward": memory_flops, "training": training_flops}


def speed(*, mode: str, dim: int, chunk: int, batch: int, tokens: int, rounds: int) -> dict:
    """Seconds of a pass of each contestant, and the share of the peak that this project reaches."""
    x = torch.randn(batch, tokens, dim)
    peak = product_peak(rounds)
    run = PASSES[mode]
    contestants = {name: make(name, dim, chunk) for name in present()}
    runs = {name: lambda contestant=contestant: run(contestant, x) for name, contestant in contestants.items()}
    taken = medians(runs, rounds)
    flops = COUNTS[mode](MemoryConfig(dim=dim, chunk=chunk), batch, tokens)
    return {"seconds": taken, "flops": flops, "peak": peak, "share": flops / taken["titans_mini"] / peak}


def memory(*, mode: str, name: str, dim: int, chunk: int, batch: int, tokens: int) -> dict:
    """MB that a pass adds to the peak size of the process, after a pass over one chunk has loaded everything."""
    contestant, run = make(name, dim, chunk), PASSES[mode]
    x = torch.randn(batch, tokens, dim)
    run(contestant, x[:1, :chunk].clone())
    before = peak_memory()
    run(contestant, x)
    return {"peak_mb": peak_memory() - before}


def profile(*, mode: str, dim: int, chunk: int, batch: int, tokens: int, most: int = 6) -> dict:
    """Shares of the processor's time in this project's memory: matrix products, and the `most` largest operations."""
    contestant, run = make(OURS, dim, chunk), PASSES[mode]
    x = torch.randn(batch, tokens, dim)
    run(contestant, x)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as seen:
        run(contestant, x)
    taken = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    total = sum(taken.values())
    shares = {name.removeprefix("aten::"): time / total for name, time in taken.items()}
    largest = sorted(shares, key=shares.get, reverse=True)[:most]
    products = sum(share for name, share in shares.items() if name.rstrip("_") in PRODUCTS)
    return {"products": products, "largest": {name: shares[name] for name in largest}}


def decode(*, dim: int, chunk: int, rounds: int) -> dict:
    """Seconds per token, one token at a time, batch 1, over two whole chunks after a first one."""
    x = torch.randn(1, chunk, dim)
    steps = torch.randn(2 * chunk, 1, 1, dim)
    contestants = {name: make(name, dim, chunk) for name in present()}
    with torch.inference_mode():
        states = {name: contestant(x)[1] for name, contestant in contestants.items()}

        def run(name: str) -> None:
            state = states[name]
            for token in steps:
                _, state = contestants[name](token, state)

        taken = medians({name: lambda name=name: run(name) for name in contestants}, rounds)
    return {"seconds": {name: total / len(steps) for name, total in taken.items()}}


def settings(*, settings: int, sample: int, tokens: int, chunk: int, dim: int) -> dict:
    """Seconds of many settings of the simulator as one batch, and one by one, estimated from a sample."""
    base = SimulationConfig(tokens=tokens, memory=MemoryConfig.preset("recipe", chunk=chunk, dim=dim))
    ways = [
        replace(base, tau=0.1 + 0.4 * i / settings, beta=0.5 + 0.04 * (i % 10), lam=10.0 ** -(3 + i % 4), eta=1e-3)
        for i in range(settings)
    ]
    simulate(replace(base, tokens=min(tokens, 2 * chunk)))
    batch = seconds(lambda: simulate_many(ways))
    one = statistics.median(seconds(lambda way=way: simulate(way)) for way in ways[:: max(1, settings // sample)])
    return {"batch_seconds": batch, "one_seconds": one, "each_seconds": one * settings}


def stream(*, checkpoint: str, tokens: int) -> dict:
    """A long stream through a bundled checkpoint."""
    return Reader(StreamConfig(checkpoint=checkpoint, tokens=tokens)).run(quiet=True)


def bound_memory(share: float = 0.85) -> None:
    """Lets a case that needs more than that share of the machine's memory fail instead of slowing the machine.

    Windows has no such limit.
    """
    try:
        import resource
    except ImportError:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(total_memory() * share), hard))


KINDS = {"speed": speed, "memory": memory, "profile": profile, "decode": decode, "settings": settings, "stream": stream}


if __name__ == "__main__":
    case = json.loads(sys.argv[1])
    bound_memory()
    with contextlib.redirect_stdout(sys.stderr):
        result = KINDS[case.pop("kind")](**case)
    print(json.dumps(result))
