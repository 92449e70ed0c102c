"""What one process measures: `python -m benchmarks.cases '{"kind": ..., ...}'` prints one JSON object."""

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from titans_course.studies.flops import memory_flops, training_flops
from titans_course.studies.timing import medians, seconds
from titans_mini import MemoryConfig, SimulationConfig, simulate, simulate_many
from titans_mini.stream import Reader, StreamConfig, peak_memory

from .contestants import OURS, Contestant, make, present
from .earlier import earlier
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
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as seen:
        run(contestant, x)
    taken = {event.key: event.self_cpu_time_total for event in seen.key_averages()}
    total = sum(taken.values())
    shares = {name.removeprefix("aten::"): time / total for name, time in taken.items()}
    largest = sorted(shares, key=shares.get, reverse=True)[:most]
    products = sum(share for name, share in shares.items() if name.rstrip("_") in PRODUCTS)
    return {"products": products, "largest": {name: shares[name] for name in largest}}


def decoder(contestant: Contestant, x: Tensor, chunk: int) -> Callable[[], None]:
    """Reads x (1, t, dim) one token at a time, all but the first chunk at each call."""
    steps = x.split(1, dim=1)
    with torch.inference_mode():
        begun = contestant(x[:, :chunk])[1]

    @torch.inference_mode()
    def run() -> None:
        state = begun
        for token in steps[chunk:]:
            _, state = contestant(token, state)

    return run


def decode(*, dim: int, chunk: int, rounds: int) -> dict:
    """Seconds per token, one token at a time, batch 1, over two whole chunks after a first one."""
    x = torch.randn(1, 3 * chunk, dim)
    taken = medians({name: decoder(make(name, dim, chunk), x, chunk) for name in present()}, rounds)
    return {"seconds": {name: total / (2 * chunk) for name, total in taken.items()}}


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """Another process keeps a core busy inside."""
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.communicate()


def busy(*, mode: str, dim: int, chunk: int, batch: int, tokens: int, rounds: int) -> dict:
    """Seconds of this project's pass with the machine to itself, and beside one busy process."""
    contestant, x = make(OURS, dim, chunk), torch.randn(batch, tokens, dim)
    run = decoder(contestant, x, chunk) if mode == "decode" else lambda: PASSES[mode](contestant, x)
    alone = medians({"alone": run}, rounds)
    with busy_process():
        return alone | medians({"beside": run}, rounds)


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

    Windows has no such limit, and macOS may refuse it.
    """
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (int(total_memory() * share), hard))


KINDS: dict[str, Callable[..., dict]] = {
    "speed": speed,
    "memory": memory,
    "profile": profile,
    "decode": decode,
    "busy": busy,
    "settings": settings,
    "earlier": earlier,
    "stream": stream,
}


if __name__ == "__main__":
    case = json.loads(sys.argv[1])
    bound_memory()
    with contextlib.redirect_stdout(sys.stderr):
        result = KINDS[case.pop("kind")](**case)
    print(json.dumps(result))
