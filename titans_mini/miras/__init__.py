"""The MIRAS design space: what a memory is, its inner loss, how it forgets, how it steps. Paper: arXiv 2504.13173.

Any allowed combination is a `MirasConfig`, runs over a stream of pairs by `run`, and trains inside a model as
`MirasMemory`. `registry.table()` lists the choices; `registry.allowed()` every combination.
"""

from .architecture import from_module
from .config import PRESETS, MirasConfig
from .privacy import epsilon
from .registry import KNOBS, Combination, allowed, check, refused, table
from .rule import MirasMemory
from .running import MirasTrace, run

__all__ = [
    "KNOBS", "PRESETS", "Combination", "MirasConfig", "MirasMemory", "MirasTrace", "allowed", "check", "epsilon",
    "from_module", "refused", "run", "table",
]  # fmt: skip
