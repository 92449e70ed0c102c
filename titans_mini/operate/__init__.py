"""Operations: watch a memory while it learns, keep and restore it, and keep serving when it fails. Recipe: 5."""

from ..kept import SnapshotError
from .engine import LanguageEngine, MemoryEngine, RecipeEngine
from .export import to_prometheus
from .monitor import ALARMS, Event, Limits, Metrics, Monitor
from .runner import RunConfig, Runner
from .sessions import Session, Sessions
from .shadow import ShadowConfig, ShadowState, compare
from .snapshots import Snapshot, Snapshots, fingerprint

__all__ = [
    "ALARMS", "Event", "LanguageEngine", "Limits", "MemoryEngine", "Metrics", "Monitor", "RecipeEngine", "RunConfig",
    "Runner", "Session", "Sessions", "ShadowConfig", "ShadowState", "Snapshot", "SnapshotError", "Snapshots", "compare",
    "fingerprint", "to_prometheus",
]  # fmt: skip
