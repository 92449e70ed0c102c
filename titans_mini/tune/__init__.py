"""The two-stage grid of the recipe, resumable, with its noise between seeds."""

from .search import TuneConfig, Tuning, run_job, steps, tune

__all__ = ["TuneConfig", "Tuning", "run_job", "steps", "tune"]
