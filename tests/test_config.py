"""Settings: every value outside its range ends in one line that names it."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from titans_mini import ConfigError, MemoryConfig, SimulationConfig
from titans_mini.config import SETTING_RANGES
from titans_mini.errors import check_choice, check_integer, check_number

BAD_MEMORY = [
    ("dim", 0), ("dim", 6.0), ("heads", 0), ("depth", 5), ("depth", True), ("expansion", 17), ("chunk", 0),
    ("conv", 65), ("activation", "relu6"), ("scale", "max"), ("gate", "open"), ("clip", 0.0), ("clip", "1"),
]  # fmt: skip
BAD_RUN = [
    ("tokens", 0), ("tokens", 10.5), ("seed", -1), ("scenario", "dna"), ("normaliser", "softmax"),
    ("gate", "learned"), ("memory", {"dim": 8}), ("tau", float("nan")), ("eta", "fast"), ("beta", None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), BAD_MEMORY)
def test_memory_names_the_bad_setting(name, value):
    with pytest.raises(ConfigError, match=rf"^{name} must[^\n]*$"):
        MemoryConfig(**{name: value})


@pytest.mark.parametrize(("name", "value"), BAD_RUN)
def test_simulation_names_the_bad_setting(name, value):
    with pytest.raises(ConfigError, match=rf"^{name} must[^\n]*$"):
        SimulationConfig(**{name: value})


def test_heads_must_divide_dim():
    with pytest.raises(ConfigError, match="heads must divide dim: 3 does not divide 64"):
        MemoryConfig(dim=64, heads=3)


@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(sorted(SETTING_RANGES)))
def test_a_setting_is_accepted_exactly_inside_its_range(value, name):
    low, high = SETTING_RANGES[name]
    if low <= value <= high:
        assert getattr(SimulationConfig(**{name: value}), name) == value
    else:
        with pytest.raises(ConfigError):
            SimulationConfig(**{name: value})


def test_settings_are_frozen_and_small():
    with pytest.raises(dataclasses.FrozenInstanceError):
        MemoryConfig().dim = 3
    assert len(dataclasses.fields(MemoryConfig)) <= 12
    assert len(dataclasses.fields(SimulationConfig)) <= 12


def test_settings_survive_a_dict():
    config = SimulationConfig(tau=0.2, gate="constant").with_memory(depth=3, chunk=8)
    assert SimulationConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize("settings", [{"taw": 0.3}, {"memory": {"deep": 2}}])
def test_unknown_names_are_refused(settings):
    with pytest.raises(ConfigError, match="unknown setting"):
        SimulationConfig.from_dict(settings)


def test_presets_differ_as_the_article_and_the_paper_do():
    recipe, paper = MemoryConfig.preset("recipe"), MemoryConfig.preset("paper")
    assert (recipe.chunk, recipe.clip, recipe.gate) == (1, None, "surprise")
    assert recipe.norm == pytest.approx(8) and paper.norm == 1
    assert MemoryConfig.preset("paper", dim=32).dim == 32
    with pytest.raises(ConfigError, match="preset must be one of"):
        MemoryConfig.preset("turbo")


def test_checks_return_what_they_pass():
    assert check_number("x", 1, 0, 1) == 1.0
    assert check_integer("x", 3, 0, 3) == 3
    assert check_choice("x", "a", ("a", "b")) == "a"
