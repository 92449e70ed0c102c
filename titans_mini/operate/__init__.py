"""Operations: watch a memory while it learns, keep it, take it back, and serve on when it goes wrong. Recipe: 5."""

from ..kept import SnapshotError
from .engine import LanguageEngine, MemoryEngine, RecipeEngine
from .monitor import ALARMS, Event, Limits, Metrics, Monitor
from .monitor_export import to_prometheus, write_json_lines
from .runner import Mark, RunConfig, Runner, soak
from .sessions import Session, Sessions
from .shadow import ShadowConfig, ShadowState, compare
from .snapshots import Snapshot, Snapshots, fingerprint, memory_bytes

__all__ = [
    "ALARMS",
    "Event",
    "LanguageEngine",
    "Limits",
    "Mark",
    "MemoryEngine",
    "Metrics",
    "Monitor",
    "RecipeEngine",
    "RunConfig",
    "Runner",
    "Session",
    "Sessions",
    "ShadowConfig",
    "ShadowState",
    "Snapshot",
    "SnapshotError",
    "Snapshots",
    "compare",
    "fingerprint",
    "memory_bytes",
    "soak",
    "to_prometheus",
    "write_json_lines",
]
