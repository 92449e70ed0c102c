"""Time and memory of calls. Times that are compared are taken in turns, so that other load hits all of them."""

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def seconds(call: Callable[[], object]) -> float:
    """Wall-clock time of one call."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def medians(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each call, in turns, after one call of each that does not count."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    return {name: statistics.median(times) for name, times in taken.items()}


def peak_memory() -> float | None:
    """Largest resident size of this process so far, in MB (2^20 bytes); None if the system does not say."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line for line in lines if line.startswith("VmHWM")), None)
    if found is not None:  # of this process only, whereas getrusage also counts the one that started it
        return int(found.split()[1]) / 1024
    try:
        import resource  # only here, since Windows has no such module
    except ImportError:
        return None
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 2**20 if sys.platform == "darwin" else size / 1024
