"""Streams for a memory: real text, and scenarios whose truth is known."""

from .scenarios import SCENARIOS, Event, Stream, make_stream
from .text import bundled_text, check_text, read_text

__all__ = ["SCENARIOS", "Event", "Stream", "bundled_text", "check_text", "make_stream", "read_text"]
