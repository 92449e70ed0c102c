"""The drills' language model."""

from titans_mini import TitansLM
from titans_mini.training.checkpoint import load_model


def healthy_model() -> TitansLM:
    """A text model whose memory stays healthy over tens of thousands of tokens."""
    return load_model("conv-mag")
