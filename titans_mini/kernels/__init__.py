"""The recurrence token by token, forward only: one Triton kernel where the device allows it, else the eager loop.

    reads, fast, record = kernels.run(fast, tokens, rule)

is what `chunk.chunk_step` gives for pieces of one token (chunk 1, paper eq. 13-14 exactly). A step of the eager loop
is dozens of small operations; the kernel is one launch for a whole stretch, with the memory kept on the chip. LIMITS
says what it asks for. Near STATE_ON_CHIP some registers spill to the cache: correct, but slower.
"""

from .choice import BACKENDS, LIMITS, STATE_ON_CHIP, obstacle, run

__all__ = ["BACKENDS", "LIMITS", "STATE_ON_CHIP", "obstacle", "run"]
