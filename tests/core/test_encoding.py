"""Keys and values of a trained text model: the model's own, causal, and the same for every caller."""

import pytest
import torch

from titans_mini import ConfigError, SimulationConfig, Trace, encoding, simulate, simulate_many
from titans_mini.config import ENCODING_NAMES
from titans_mini.data.encode import BLANK
from titans_mini.encoding import SAMPLE, _features, read_stream
from titans_mini.operate import RecipeEngine
from titans_mini.training.checkpoint import bundled_names, load_model

TRAINED = ENCODING_NAMES[1:]
TEXT = "The cat sat on the mat. 猫坐在垫子上。 " * 5
PLACE = 100  # a byte of it that a test changes, a letter


def settings(name: str = "conv-mag", tokens: int = 200, **changes: object) -> SimulationConfig:
    return SimulationConfig(encoding=name, tokens=tokens, **changes)


def own_pairs(name: str, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The keys and values (t, dim) that the last memory writes in one pass of the whole model, from its input."""
    model, seen = load_model(name), []
    memory = model.layers[-1].mixer.memory
    memory.register_forward_pre_hook(lambda module, given: seen.extend(given))
    with torch.no_grad():
        model(ids.unsqueeze(0))
        tokens, _ = memory._project(seen[0], seen[1].conv)
    return tokens.keys[0], tokens.values[0]


def nearest(stream) -> torch.Tensor:
    """(t,) the occurring byte whose row of the table is nearest to each value."""
    distances = torch.cdist(stream.values, stream.table)
    distances[:, torch.bincount(stream.ids, minlength=256) == 0] = torch.inf
    return distances.argmin(1)


@pytest.mark.parametrize("name", TRAINED)
def test_pairs_are_the_models_own_each_value_with_the_key_of_the_byte_before(name, monkeypatch):
    monkeypatch.setattr(encoding, "PIECE", 777)  # more than one, and more than what is kept
    stream = read_stream(settings(name, 1000))
    keys, values = own_pairs(name, torch.cat([torch.tensor([BLANK]), stream.ids]))
    scale = values[1].norm() / stream.values[0].norm()  # one number for all of them
    torch.testing.assert_close(stream.keys, keys[:-1], atol=1e-6, rtol=0)
    torch.testing.assert_close(stream.values, values[1:] / scale, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", TRAINED)
def test_keys_have_norm_1_and_values_on_average(name):
    for text in (None, TEXT):
        _, keys, values, _ = read_stream(settings(name, SAMPLE), text)
        assert torch.allclose(keys.norm(dim=-1), torch.ones(len(keys)), atol=1e-5)
        assert values.square().sum(-1).mean().item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", TRAINED)
def test_a_later_byte_changes_no_earlier_pair(name):
    other = TEXT.encode()[:PLACE].decode() + "Q" + TEXT.encode()[PLACE + 1 :].decode()
    one, two = read_stream(settings(name), TEXT), read_stream(settings(name), other)
    assert (one.ids != two.ids).nonzero().flatten().tolist() == [PLACE]
    assert torch.equal(one.keys[: PLACE + 1], two.keys[: PLACE + 1])  # not its own key either, which does not know it
    assert not torch.equal(one.keys[PLACE + 1], two.keys[PLACE + 1])
    ratio = one.values[:PLACE] / two.values[:PLACE]  # the scale is that of the whole text
    assert torch.allclose(ratio, ratio[0, 0].expand_as(ratio), rtol=1e-3)


def test_a_longer_run_begins_like_a_shorter_one():
    short, long = read_stream(settings(tokens=50)), read_stream(settings(tokens=SAMPLE + 50))
    assert torch.equal(short.keys, long.keys[:50]) and torch.allclose(short.values, long.values[:50], atol=1e-6)


def test_a_value_tells_its_own_byte_and_not_its_neighbours():
    stream = read_stream(settings(tokens=1000))
    found = nearest(stream)
    assert (found == stream.ids).float().mean() > 0.95
    assert (found[1:] == stream.ids[:-1]).float().mean() < 0.1 > (found[:-1] == stream.ids[1:]).float().mean()


def test_the_table_is_the_fixed_encodings_own_where_bytes_occur():
    stream = read_stream(settings("fixed"))
    assert torch.allclose(stream.table[stream.ids], stream.values, atol=1e-6)
    assert stream.table[0].abs().sum() == 0  # a byte that does not occur


def test_gains_of_a_scenario_apply_to_trained_pairs_too():
    stream = read_stream(settings(scenario="silence"))
    (event,) = stream.events
    assert stream.keys[event.start : event.end].abs().sum() == 0 != stream.keys[event.end].abs().sum()


def test_pairs_are_kept_but_shared_with_nobody_and_fit_for_gradients():
    _features.cache_clear()
    with torch.inference_mode():
        first = read_stream(settings(), TEXT)
        first.keys.zero_()
    again = read_stream(settings(tau=0.2), TEXT)
    assert _features.cache_info().hits == 1 and again.keys.abs().sum() > 0
    weight = torch.ones((), requires_grad=True)
    (weight * again.keys).sum().backward()
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        _features.cache_clear()
        assert torch.equal(read_stream(settings(), TEXT).values, again.values)
    finally:
        torch.set_num_threads(before)


def test_a_run_takes_its_pairs_from_the_model_and_its_weights_from_the_seed():
    one, other = simulate(settings(), TEXT), simulate(settings(seed=1), TEXT)
    assert torch.equal(read_stream(settings(), TEXT).keys, read_stream(settings(seed=1), TEXT).keys)
    assert one.norm_start != other.norm_start
    assert one.raw[0] != simulate(settings("fixed"), TEXT).raw[0]
    with pytest.raises(ConfigError, match="encoding must be the same"):
        simulate_many([settings(), settings("fixed")])


def test_settings_go_into_a_file_and_old_files_read_the_fixed_encoding():
    trace = simulate(settings(tokens=20))
    assert Trace.from_json(trace.to_json()).settings == trace.settings
    old = SimulationConfig().to_dict()  # as written before there was a choice, so a trace's digest fits, too
    assert "encoding" not in old and SimulationConfig.from_dict(old) == SimulationConfig()


def test_a_width_that_the_model_has_not_is_refused_in_one_line():
    assert {load_model(name).config.dim for name in TRAINED} == {64} and set(TRAINED) < set(bundled_names())
    with pytest.raises(ConfigError, match="^dim must be 64 with encoding conv-mag, not 32$"):
        settings().with_memory(dim=32)


def test_a_recipes_stream_without_end_keeps_to_the_fixed_encoding():
    with pytest.raises(ConfigError, match="encoding fixed"):
        RecipeEngine(settings())
    assert "encoding" not in RecipeEngine().identity()[0]  # so older snapshots still fit


def test_a_default_device_and_dtype_change_no_pair():
    wanted = read_stream(settings(), TEXT)
    _features.cache_clear()
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        found = read_stream(settings(), TEXT)
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found.keys, wanted.keys) and torch.equal(found.values, wanted.values)
    assert torch.equal(found.table, wanted.table)
