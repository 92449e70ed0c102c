"""Compiles the kernel for a GPU that is not here, by the way that a launch takes: python kernel_builds.py FOLDER CASE.

Prints the bytes of the program, the bytes that a thread spills, how often it was compiled, and how many of its minima
and maxima would make a number of NaN, which Triton's interpreter does not show.
"""

import re
import subprocess
import sys
from types import SimpleNamespace

import torch
import triton
from triton.backends.compiler import GPUTarget

from titans_mini import ConstantGate, LearnedGate, SurpriseGate
from titans_mini.memory.chunk import TitansRule
from titans_mini.memory.fast import kernel, recurrence
from titans_mini.memory.gates import initial_gate_state
from titans_mini.memory.mlp import ACTIVATIONS
from titans_mini.memory.state import Fast, Tokens

CASES = {  # width, dtype, gate, activation, with W_0, with queries
    "learned 64": (64, torch.float32, LearnedGate(8), "silu", False, True),  # the shipped models
    "recipe 64": (64, torch.float32, SurpriseGate(), "silu", False, False),
    "recipe 64 double": (64, torch.float64, SurpriseGate(), "silu", False, True),
    "recipe 16": (16, torch.float32, SurpriseGate(normaliser="zsigmoid"), "tanh", False, True),
    "constant 24": (24, torch.float32, ConstantGate(), "gelu", True, True),
    "learned 16": (16, torch.float32, LearnedGate(8), "silu", False, True),
}


def no_device() -> SimpleNamespace:
    """A driver for Triton that compiles for an H100 and launches nothing."""
    properties = dict(max_shared_mem=232_448, max_num_regs=65_536, warpSize=32)
    return SimpleNamespace(
        get_current_target=lambda: GPUTarget("cuda", 90, 32),
        get_current_device=lambda: 0,
        get_current_stream=lambda device: 0,
        utils=SimpleNamespace(get_device_properties=lambda device: properties),
    )


def memory(width, dtype, gate, activation, origin, asks, length):
    """Four rows of zeros."""
    hidden, zeros = 4 * width, torch.zeros(4, length, width, dtype=dtype)
    weights = torch.zeros(4, hidden, width, dtype=dtype), torch.zeros(4, width, hidden, dtype=dtype)
    fast = Fast(weights, weights, initial_gate_state(4, zeros))
    tokens = Tokens(zeros, zeros, zeros if asks else None, zeros[..., :3])
    starts = [weight[:2] for weight in weights] if origin else None
    return fast, tokens, TitansRule(gate, ACTIVATIONS[activation], clip=1.0, origin=starts)


def spilled(cubin: bytes, folder: str) -> int:
    """Bytes of a thread's registers that went to memory."""
    path = f"{folder}/kernel.cubin"
    with open(path, "wb") as file:
        file.write(cubin)
    command = [triton.knobs.nvidia.cuobjdump.path, "-res-usage", path]
    return int(re.search(r"STACK:(\d+)", subprocess.run(command, capture_output=True, text=True, check=True).stdout)[1])


if __name__ == "__main__":
    folder, name = sys.argv[1:]
    triton.runtime.driver.set_active(no_device())
    run, built = recurrence.recurrence.run, []
    recurrence.recurrence.run = lambda *given, warmup, **options: built.append(run(*given, warmup=True, **options))
    with torch.no_grad():
        for length in (1, 16, 21):
            kernel.launch(*memory(*CASES[name], length))
    cubin, lossy = built[0].asm["cubin"], re.findall(r"\b(?:min|max)\.f32", built[0].asm["ptx"])
    print(len(cubin), spilled(cubin, folder), len(set(map(id, built))), len(lossy))
