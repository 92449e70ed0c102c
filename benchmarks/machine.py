"""The machine on which the figures were measured."""

import importlib.metadata
import os
import platform
from pathlib import Path

import psutil
import torch

PACKAGES = ("torch", "numpy", "triton", "titans-mini", "titans-pytorch")


def describe() -> dict:
    """Processor, memory, threads and versions."""
    versions = {name: version for name in PACKAGES if (version := _version(name)) is not None}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gb": round(total_memory() / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "device": "CPU, float32",
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text("utf-8").splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def total_memory() -> int:
    """Bytes of the machine's memory."""
    return psutil.virtual_memory().total
