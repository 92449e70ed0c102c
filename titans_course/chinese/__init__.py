"""Chinese of sentences that are not yet messages of the catalogues: errors and what an operator is told."""

from . import errors, operations
from .phrases import Phrases

__all__ = ["PHRASES", "Phrases", "phrase"]

PHRASES: dict[str, str] = errors.PHRASES | operations.PHRASES
phrase = Phrases(PHRASES)
