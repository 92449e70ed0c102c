"""Scans as products equal scans as loops, with factors of exactly 0 and 1 among them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import check_close

from titans_mini.memory.scan import average_scan, before, decay_matrix, last, linear_scan

EXACT = torch.tensor([[1.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 0.25]], dtype=torch.float64)


@st.composite
def series(draw):
    """Three series (2, c) of one length: factors from 0 to 1, often exactly 0 or 1, then inputs and starts."""
    length = draw(st.integers(1, 7))
    factor = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
    number = st.floats(-10, 10)
    rows = [
        [draw(st.lists(kind, min_size=length, max_size=length)) for _ in range(2)] for kind in (factor, number, number)
    ]
    return tuple(torch.tensor(row, dtype=torch.float64) for row in rows)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(series())
def test_scans_equal_their_loops(drawn):
    factors, inputs, starts = drawn
    start = starts[:, :1]
    decay, linear, average = decay_matrix(factors), start, start
    for t in range(factors.shape[1]):
        linear = factors[:, t : t + 1] * linear + inputs[:, t : t + 1]
        average = average + factors[:, t : t + 1] * (inputs[:, t : t + 1] - average)
        check_close(linear_scan(factors, inputs, start)[:, t : t + 1], linear)
        check_close(average_scan(factors, inputs, start)[:, t : t + 1], average)
        for j in range(factors.shape[1]):
            product = factors[:, j + 1 : t + 1].prod(-1) if j <= t else torch.zeros(2, dtype=torch.float64)
            check_close(decay[:, t, j], product)


def test_one_factor_serves_all_tokens():
    inputs, start = torch.randn(2, 5).double(), torch.randn(2, 1).double()
    everywhere = torch.full((2, 5), 0.25).double()
    for factor in (torch.tensor(0.25).double(), torch.full((2, 1), 0.25).double()):
        check_close(linear_scan(factor, inputs, start), linear_scan(everywhere, inputs, start))
        check_close(average_scan(factor, inputs, start), average_scan(everywhere, inputs, start))


@pytest.mark.parametrize("scan", [linear_scan, average_scan])
@pytest.mark.parametrize("length", [1, 4])
def test_scans_have_true_gradients_at_0_and_1(scan, length):
    leaves = (EXACT[:, :length], torch.randn(2, length).double(), torch.randn(2, 1).double())
    assert torch.autograd.gradcheck(scan, [leaf.clone().requires_grad_() for leaf in leaves])


def test_decay_has_true_gradients_at_0_and_1():
    assert torch.autograd.gradcheck(decay_matrix, EXACT.clone().requires_grad_())


def test_before_and_last_move_along_the_tokens():
    start = torch.tensor([[9.0]])
    assert before(torch.tensor([[1.0, 2.0, 3.0]]), start).tolist() == [[9.0, 1.0, 2.0]]
    assert before(torch.tensor([[1.0]]), start).tolist() == [[9.0]]
    assert last(torch.tensor([[1.0, 2.0, 3.0]])).tolist() == [[3.0]]
    assert last(torch.tensor([[1.0]])).tolist() == [[1.0]]
