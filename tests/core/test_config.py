"""Settings: every value outside its range ends in one line that names it."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from titans_course.figures.export import to_code
from titans_mini import ConfigError, MemoryConfig, SimulationConfig, TitansConfig
from titans_mini.config import SETTING_RANGES
from titans_mini.errors import check_choice, check_integer, check_number
from titans_mini.miras import MirasConfig
from titans_mini.settings import Settings, choice, comments, limits, number, whole

BAD_MEMORY = [
    ("dim", 0), ("dim", 6.0), ("heads", 0), ("depth", 5), ("depth", True), ("expansion", 17), ("chunk", 0),
    ("conv", 65), ("activation", "relu6"), ("scale", "max"), ("gate", "open"), ("clip", 0.0), ("clip", "1"),
    ("decay", "half"),
]  # fmt: skip
BAD_RUN = [
    ("tokens", 0), ("tokens", 10.5), ("seed", -1), ("scenario", "dna"), ("normaliser", "softmax"),
    ("gate", "learned"), ("encoding", "learned"), ("memory", {"dim": 8}), ("tau", float("nan")), ("eta", "fast"),
    ("beta", None),
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
    assert len(dataclasses.fields(MemoryConfig)) <= 14
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


@dataclasses.dataclass(frozen=True)
class Some(Settings):
    share: float = number(0.5, 0.0, 1.0)  # share of something
    count: int | None = whole(None, 1, 3)  # how many; None: all
    kind: str = choice("a", ("a", "b"))  # which one
    free: object = None  # anything


def test_a_setting_has_its_default_its_range_and_its_meaning_on_one_line():
    assert Some() == Some(0.5, None, "a") and Some.share == 0.5
    assert type(Some(np.float32(0.25), np.int64(2), np.str_("b"), np.bool_(True)).share) is float
    assert [limits(Some, name) for name in ("share", "count", "kind", "free")] == [
        (0.0, 1.0),
        (1, 3),
        (("a", "b"),),
        (),
    ]
    assert comments(Some)["count"] == "how many; None: all" and len(comments(Some)) == 4


@pytest.mark.parametrize("wrong", [dict(share=1.5), dict(share=None), dict(count=4), dict(count=1.0), dict(kind="c")])
def test_a_setting_checks_itself(wrong):
    with pytest.raises(ConfigError, match=f"^{next(iter(wrong))} must"):
        Some(**wrong)


def test_checks_return_what_they_pass():
    assert check_number("x", 1, 0, 1) == 1.0
    assert check_integer("x", 3, 0, 3) == 3
    assert check_choice("x", "a", ("a", "b")) == "a"


@pytest.mark.parametrize("number", [np.float64(0.2), np.float32(0.25), np.int64(1), np.float16(0.5)])
def test_numpys_numbers_are_numbers_and_print_as_pythons(number):
    config = SimulationConfig(tau=number, tokens=np.int32(50)).with_memory(dim=np.int64(8), clip=np.float32(0.5))
    assert config == SimulationConfig(tau=number.item(), tokens=50).with_memory(dim=8, clip=0.5)
    assert type(config.tau) is type(number.item()) and type(config.memory.dim) is int
    code = to_code(config)
    assert "np." not in code and f"tau={number.item()!r}" in code and "clip=0.5" in code
    json.dumps(config.to_dict())
    assert MirasConfig("matrix", theta=number) == MirasConfig("matrix", theta=number.item())
    assert TitansConfig(dim=np.int64(8), memory_layers=(np.int64(1),)).dim == 8
    with pytest.raises(ConfigError, match="tau must be a number from 0 to 1, not 7.0$"):
        SimulationConfig(tau=np.float64(7))
    with pytest.raises(ConfigError, match="depth must be a whole number from 1 to 4, not True$"):
        MemoryConfig(depth=np.bool_(True))


BAD_MODELS = [
    ("variant", dict(variant="big")), ("dim", dict(dim="64")), ("dim", dict(dim=0)), ("layers", dict(layers=None)),
    ("heads", dict(heads=2.0)), ("window", dict(window=[16])), ("chunk", dict(variant="mac", chunk="16")),
    ("memory_depth", dict(memory_depth=9)), ("memory_heads", dict(memory_heads=3)), ("gate", dict(gate="constant")),
    ("memory_layers", dict(memory_layers=1)), ("memory_layers", dict(memory_layers=[0])),
    ("memory_layers", dict(memory_layers=(2,))), ("memory_layers", dict(memory_layers=("a",))),
    ("window", dict(window=32)), ("persistent", dict(persistent=0)), ("vocab_size", dict(vocab_size=10**30)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings"), BAD_MODELS)
def test_a_model_names_the_bad_setting(name, settings):
    with pytest.raises(ConfigError, match=rf"^{name} must[^\n]*$"):
        TitansConfig(**settings)


@pytest.mark.parametrize("value", [10**400, np.zeros((30, 3)), "x" * 1000, [0.1] * 99, float("inf")])
def test_whatever_is_given_the_error_is_one_short_line(value):
    for make in (
        lambda: SimulationConfig(tau=value),
        lambda: MemoryConfig(dim=value),
        lambda: MemoryConfig(gate=value),
    ):
        with pytest.raises(ConfigError) as caught:
            make()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("settings", [[], 3, {"memory": 3}, {"memory": None}])
def test_settings_that_are_no_object_are_refused(settings):
    with pytest.raises(ConfigError, match="settings must be an object"):
        SimulationConfig.from_dict(settings)
