"""The command titans-mini."""

from .commands import main

__all__ = ["main"]
