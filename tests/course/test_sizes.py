"""What a memory takes in bytes: the formula, the shipped models, and the recipe's 30 MB."""

import pytest

from titans_course.studies.flops import memory_bytes
from titans_mini.kept import encode_state
from titans_mini.operate import LanguageEngine
from titans_mini.training.checkpoint import bundled_names, load_model


@pytest.mark.parametrize("name", bundled_names())
def test_shipped_models_snapshots_are_below_the_recipes_30_mb(name):
    engine = LanguageEngine(load_model(name))
    size = len(encode_state(engine.start(), "0" * 64))
    config = engine.lm.config
    shape = dict(width=config.dim // config.memory_heads, depth=config.memory_depth)
    counted = memory_bytes(**shape, layers=len(engine.memories) * config.memory_heads)
    if config.reach:  # a matrix from keys to values for each head
        counted = 4 * len(engine.memories) * len(config.reach) * config.key_width * config.dim
    assert counted == sum(weight.nbytes for weights in engine.fast(engine.start()) for weight in weights)
    assert 2 * counted < size < 30_000_000  # with momentum, window and pending tokens


def test_at_760m_one_layers_memory_is_above_30_mb():
    weights = 1536 * 6144 + 6144 * 1536
    assert memory_bytes(width=1536) == 4 * weights and weights == 18_874_368
    assert memory_bytes(width=1536, bytes_per_weight=2) > 30_000_000
    assert memory_bytes(width=1536, layers=24) / 4 > 0.5 * 760_000_000  # not 0.3% of the parameters
