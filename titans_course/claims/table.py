"""The table of the claims: what the recipe article says, what the papers say, how it is measured and judged.

Papers: Titans = arXiv 2501.00663, MIRAS = arXiv 2504.13173; "none" is said where neither has anything on it. The rows
stand in the order of the article.
"""

from __future__ import annotations

from .claim import Claim, Way
from .rows_memory import ROWS
from .rows_use import BUILDING, OPENING, RUNNING

__all__ = ["CLAIMS", "Claim", "Way"]

CLAIMS: dict[str, Claim] = {row.key: row for row in (*OPENING, *ROWS, *BUILDING, *RUNNING)}
