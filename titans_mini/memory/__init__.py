"""The memory that learns while it reads: its fast weights, its gates, the chunk form, and its state, a value."""

from .neural import NeuralMemory

__all__ = ["NeuralMemory"]
