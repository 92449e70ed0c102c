"""Streams for a memory: real text, and scenarios whose truth is known."""

from .dna import genome, read_fasta, repeats
from .scenarios import SCENARIOS, Event, Stream, make_stream
from .text import bundled_text, check_text, read_text

__all__ = [
    "SCENARIOS", "Event", "Stream", "bundled_text", "check_text", "genome", "make_stream", "read_fasta", "read_text",
    "repeats",
]  # fmt: skip
