"""The audit of the recipe article's claims: each is measured, judged by a rule, and recorded with its figures."""

from .finding import SIZES, VERDICTS, Finding, Reading, Size, Spread
from .report import Result, load_results
from .table import CLAIMS, Claim

__all__ = ["CLAIMS", "SIZES", "VERDICTS", "Claim", "Finding", "Reading", "Result", "Size", "Spread", "load_results"]
