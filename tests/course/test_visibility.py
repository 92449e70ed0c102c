"""Who sees whom is measured right, and long readings, taken in pieces, are those of the plain functions."""

import numpy as np
import pytest
import torch

from titans_course.studies import reading
from titans_course.studies.visibility import measure
from titans_mini import TitansConfig, TitansLM
from titans_mini.errors import ConfigError
from titans_mini.models import variants
from titans_mini.models.generate import generate
from titans_mini.threads import one_thread
from titans_mini.training.evaluate import evaluate
from titans_mini.training.tasks import TASKS

LOWER = np.tril(np.ones((12, 12), bool))
PLACE = np.arange(12)
SEGMENT = LOWER & (PLACE[:, None] // 4 == PLACE // 4)
EARLIER = PLACE[:, None] // 4 > PLACE // 4
WINDOW = LOWER & (PLACE[:, None] - PLACE < 4)
WANTED = {  # variant -> (attention, memory) beside the persistent tokens
    "lmm": ({}, {"output": LOWER}),
    "mac": ({"answers": SEGMENT, "tokens": SEGMENT}, {"answers": EARLIER, "output": LOWER}),
    "mag": ({"tokens": WINDOW}, {"output": LOWER}),
    "mal": ({"tokens": WINDOW}, {"output": LOWER}),
}


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


@pytest.mark.parametrize("variant", WANTED)
def test_what_is_measured_is_what_the_paper_says(variant):
    found = measure(variant)
    for groups, wanted in zip((found.attention, found.memory), WANTED[variant], strict=True):
        for name, mask in wanted.items():
            np.testing.assert_array_equal(groups[name], mask, err_msg=name)
        assert set(groups) - set(wanted) <= {"persistent"}
    (persistent,) = (groups["persistent"] for groups in (found.attention, found.memory) if "persistent" in groups)
    assert persistent.shape == (12, 2) and persistent.all()


def test_awkward_lengths_and_the_random_state():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    found = measure("mac", tokens=7, window=3, persistent=1, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    place = np.arange(7)
    np.testing.assert_array_equal(found.memory["answers"], place[:, None] // 3 > place // 3)
    assert found.attention["persistent"].shape == (7, 1)
    with pytest.raises(ConfigError, match="tokens"):
        measure("mac", tokens=0)
    with pytest.raises(ConfigError, match="variant"):
        measure("mad")


def test_a_leak_would_be_seen(monkeypatch):
    class Leaky(variants.MAC):
        """The paper's MAC read literally: a token sees the h of its whole segment."""

        def _attend(self, x, state, mode):
            attend = self.persistent.attend

            def see_all(q, turned, keys, values, mask):
                return attend(q, turned, keys, values, torch.ones_like(mask))

            self.persistent.attend = see_all
            try:
                return super()._attend(x, state, mode)
            finally:
                del self.persistent.attend

    monkeypatch.setitem(variants.VARIANTS, "mac", Leaky)
    leaky = measure("mac").attention
    assert leaky["answers"][0, 3] and leaky["tokens"][0, 3]


def make(task: str, variant: str = "mac") -> TitansLM:
    torch.manual_seed(0)
    shape = dict(dim=8, layers=2, heads=2, window=4, chunk=4, persistent=2)
    return TitansLM(TitansConfig(variant=variant, vocab_size=TASKS[task].vocab_size, **shape)).eval()


@pytest.mark.parametrize("memory", ["on", "frozen", "off"])
@torch.no_grad()
def test_bits_in_pieces_are_the_bits_of_the_whole(memory):
    lm, ids = make("text"), torch.randint(0, 256, (50,), generator=torch.Generator().manual_seed(1))
    pieces = list(reading.read_bits(lm, ids, memory=memory, piece=13))
    chances = lm(ids.unsqueeze(0), memory=memory)[0].double().log_softmax(-1)[0, torch.arange(49), ids[1:]]
    assert [len(piece) for piece in pieces] == [13, 13, 13, 10]
    np.testing.assert_allclose(np.concatenate(pieces), -chances.numpy() / np.log(2), rtol=1e-5)


def test_too_short_a_text_is_one_line():
    with pytest.raises(ConfigError, match="at least 2 bytes, not 1"):
        next(reading.read_bits(make("text"), torch.zeros(1, dtype=torch.int64)))


@pytest.mark.parametrize("memory", ["on", "off"])
def test_recall_in_pieces_is_what_evaluate_finds(memory):
    lm = make("recall", "mag")
    *steps, (share, accuracy) = reading.recall_at(lm, 20, rows=6, memory=memory, piece=7)
    assert accuracy == evaluate(lm, "recall_once", 20, rows=6, memory=memory)["accuracy"]
    shares = [before for before, nothing in steps if nothing is None]
    assert len(shares) == len(steps) == 8 and shares == sorted(shares) and 0 < shares[-1] < share == 1


@pytest.mark.parametrize("sampling", [dict(temperature=0), dict(temperature=0.8, top_k=9, min_p=0.01)])
def test_the_stream_is_what_generate_says(sampling):
    lm, prompt = make("text"), torch.tensor([3, 200, 7])
    said = list(reading.stream(lm, prompt, 12, seed=5, **sampling))
    assert said == generate(lm, prompt.unsqueeze(0), 12, seed=5, **sampling)[0][0].tolist()


@pytest.mark.parametrize("bad", [dict(temperature=-1.0), dict(top_k=0), dict(min_p=2.0), dict(tokens=0)])
def test_bad_sampling_is_one_line(bad):
    (name,) = bad
    with pytest.raises(ConfigError, match=name):
        next(reading.stream(make("text"), torch.tensor([1]), **{"tokens": 1, **bad}))


def test_a_difference_has_a_sign_only_where_it_stands_out():
    noise = np.random.default_rng(0).normal(size=5000)
    zero = np.zeros(5000)
    assert reading.compare(zero, noise + 1).sign == 1 and reading.compare(noise + 1, zero).sign == -1
    assert reading.compare(zero, np.where(np.arange(5000) < 2500, 1.0, -0.98)).sign == 0  # alike for long: no proof
    assert reading.compare(zero[:150], noise[:150] + 1).sign == 0  # too few to tell
    assert reading.compare(zero, zero).sign == 0


def test_smoothing_is_the_mean_of_the_last_ones():
    values = np.arange(10.0)
    np.testing.assert_allclose(reading.smooth(values, 3), [0, 0.5, *range(1, 9)])
    np.testing.assert_array_equal(reading.smooth(values, 1), values)
