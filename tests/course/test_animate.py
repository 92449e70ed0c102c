"""The eight animations: their frames are what was computed, they are small, and nothing moves unasked."""

import numpy as np
import pytest
import torch
from reading import DRAWN
from torch.nn.functional import normalize
from words import HAN

from titans_course.figures import animate
from titans_course.lab.panel import MIME, bundle
from titans_course.language import speaker
from titans_course.studies.visibility import measure
from titans_mini import SimulationConfig, simulate
from titans_mini.quantize import quantize
from titans_mini.reference import token_loop

ZH = speaker("zh")
RANDOM = torch.Generator().manual_seed(0)
KEYS = torch.linalg.qr(torch.randn(8, 8, generator=RANDOM)).Q  # at right angles
VALUES = torch.randn(8, 6, generator=RANDOM)
RUN = simulate(SimulationConfig(tokens=600))
SEEN = measure("mac")
START = torch.randn(16, 16, generator=RANDOM).double() / 4
PAIR = tuple(normalize(torch.randn(2, 16, generator=RANDOM), dim=-1).double())


def pairs(count: int, size: float = 1.0) -> tuple:
    keys, values = normalize(torch.randn(2, count, 16, generator=RANDOM), dim=-1)
    return keys, size * values


POISONED = pairs(50), pairs(30, 5.0), pairs(20)


def answers(chunk: int) -> np.ndarray:
    k, v = normalize(torch.randn(2, 32, 8, generator=torch.Generator().manual_seed(3)), dim=-1).double()
    gates = torch.tensor([[0.2], [0.5], [0.1]]).double()
    loop = token_loop([torch.zeros(8, 8).double()], k, v, k, lambda t, raw: gates, None, chunk=chunk)
    return loop.reads.detach().reshape(32, 8).numpy()


FIGURES = {
    "matrix": lambda say: animate.matrix_writes(KEYS, VALUES, say=say),
    "leak": lambda say: animate.leak(say=say),
    "surprise": lambda say: animate.surprise_along(RUN, 440, say=say),
    "trail": lambda say: animate.momentum_trail([0, 0, -1] + [0] * 17, say=say),
    "chunk": lambda say: animate.chunk_and_loop(answers(1), answers(8), 8, say=say),
    "mask": lambda say: animate.mask_grows(SEEN, say=say),
    "poison": lambda say: animate.poison_and_rollback(*POISONED, say=say),
    "rounded": lambda say: animate.rounded_writes(START, PAIR, say=say),
}


def ends(name: str, place: int = -1) -> list:
    """What a frame draws, as arrays."""
    frame = FIGURES[name](speaker()).frames[place]
    return [np.array(curve.z if curve.type == "heatmap" else curve.y) for curve in frame.data]


@pytest.mark.parametrize("name", FIGURES)
def test_it_is_small_rests_on_its_last_frame_and_does_not_play_by_itself(name):
    figure = FIGURES[name](speaker())
    spec = bundle(figure, "")[MIME]
    assert 8 <= len(spec["frames"]) <= 20 and len(figure.to_json()) < 60_000
    for curve, last in zip(figure.data, figure.frames[-1].data, strict=True):
        for axis in {"x", "y", "z"} & {*last.to_plotly_json()}:
            np.testing.assert_array_equal(np.array(curve[axis], float), np.array(last[axis], float))
    (slider,), (menu,) = spec["layout"]["sliders"], spec["layout"]["updatemenus"]
    names = [frame["name"] for frame in spec["frames"]]
    assert [step["args"][0] for step in slider["steps"]] == [[name] for name in names]
    assert slider["active"] == len(names) - 1 and len(set(names)) == len(names)
    play, pause = menu["buttons"]
    assert play["args"][0] is None and pause["args"][0] == [None]  # all frames, none
    moves = [button["args"][1]["transition"]["duration"] for button in (*slider["steps"], play, pause)]
    assert not any(moves) and "transition" not in spec["layout"]


@pytest.mark.parametrize("name", FIGURES)
def test_its_controls_speak_chinese_and_its_frames_hold_no_words(name):
    layout = FIGURES[name](ZH).layout
    words = [button.label for button in layout.updatemenus[0].buttons] + [layout.sliders[0].currentvalue.prefix]
    assert len(words) == 3 and all(map(HAN.search, words))
    data = [curve.to_plotly_json() for frame in FIGURES[name](ZH).frames for curve in frame.data]
    assert not [curve for curve in data for field in DRAWN if isinstance(curve.get(field), str)]


def test_a_matrix_written_with_keys_at_right_angles_is_the_sum_of_outer_products():
    for n in (0, 3, 8):
        added, M = ends("matrix", n)
        assert np.allclose(M, (VALUES[:n].T @ KEYS[:n]).numpy(), atol=1e-3)
        assert np.linalg.matrix_rank(added, tol=0.01) == min(n, 1)


def test_the_leak_is_the_product_of_the_keys():
    figure = animate.leak()
    for frame in figure.frames:
        angle = float(frame.name.rstrip("°"))
        assert np.allclose(frame.data[4].y, [1, np.cos(np.deg2rad(angle))], atol=1e-3)
        assert np.allclose(frame.data[2].x, [0, frame.data[4].y[1]])
    assert figure.frames[-1].name == "60°" and list(figure.data[4].y) == [1, 0.5]


def test_surprise_is_that_of_the_run_and_written_bytes_are_marked():
    surprise, S, marks = ends("surprise")
    assert np.allclose(surprise, RUN.surprise[440:504], atol=1e-3)
    assert np.allclose(S, RUN.momentum[440:504], atol=1e-3)
    marked = ~np.isnan(marks.astype(float))
    assert marked.tolist() == (RUN.g_write[440:504] > 0.5).tolist() and marked.any()


def test_momentum_multiplies_one_gradient_as_the_geometric_series():
    _, S, M, plain = ends("trail")
    assert np.allclose(S[2:], 0.1 * 0.8 ** np.arange(18), atol=1e-3)
    assert M[-1] == pytest.approx(0.1 * (1 - 0.8**18) / 0.2, abs=1e-3) and plain[-1] == pytest.approx(0.1)


def test_chunks_take_their_gradient_at_their_start():
    loop, chunks, apart = ends("chunk")
    assert loop.tolist() == list(range(32)) and chunks.tolist() == [8 * (t // 8) for t in range(32)]
    far = np.linalg.norm(answers(8) - answers(1), axis=1) / np.linalg.norm(answers(1), axis=1)
    assert apart[0] == 0 < max(apart) and np.allclose(apart, far, atol=1e-3)


def test_the_mask_grows_to_what_is_seen_and_shows_no_later_row():
    for place in (3, 11):
        for drawn, seen in zip(ends("mask", place), SEEN.attention.values(), strict=True):
            assert np.array_equal(drawn[: place + 1], seen[: place + 1]) and not drawn[place + 1 :].any()


def test_only_the_snapshot_of_both_returns_to_the_twin():
    ill, half, whole = ends("poison")
    assert not whole[80:].any() and (half[80:] > 0).all() and (ill[80:] > half[80:]).all()
    assert np.array_equal(ill[:80], whole[:80]) and not ill[:50].any() and ill[79] > 1


def test_floats_learn_by_the_closed_form_and_codes_stop_moving():
    floats, eight, changed = ends("rounded")
    assert np.allclose(floats, (1 - 2 * 0.01) ** np.arange(201), atol=1e-3)
    assert eight[-1] > 5 * floats[-1] and changed.mean() < ends("rounded", 0)[2].mean()
    M = animate.round_weights(START, 8)
    for n in range(1, 13):  # the first frame after the start shows write 12
        before, M = M, animate.round_weights(M - 0.02 * torch.outer(M @ PAIR[0] - PAIR[1], PAIR[0]), 8)
        if n == int(animate.rounded_writes(START, PAIR).frames[0].name):
            found = quantize(M, "int8").codes != quantize(before, "int8").codes
            assert np.array_equal(ends("rounded", 0)[2], found.numpy())
