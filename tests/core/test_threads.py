"""torch works on no more threads than there are free cores: in both passes of a memory, and where asked."""

import io
import threading
from pathlib import Path

import pytest
import torch
from builders import make_input, make_memory

from titans_mini import threads
from titans_mini.threads import free_cores, free_threads, one_thread


@pytest.fixture
def four(monkeypatch):
    """The caller has set 4 threads, and 2 cores are free."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.setattr(threads, "free_cores", lambda: 2)
    yield
    torch.set_num_threads(before)


def seen_by_a_gate(memory) -> list[int]:
    """Fills with the number of threads at each call of the memory's gate, and at each of its gradients."""
    found = []

    def hook(module, given, made):
        found.append(torch.get_num_threads())
        if made[0].theta.requires_grad:
            made[0].theta.register_hook(lambda grad: found.append(torch.get_num_threads()))

    memory.gate.register_forward_hook(hook)
    return found


@pytest.mark.usefixtures("four")
def test_both_passes_of_a_memory_use_the_free_cores_and_leave_the_setting():
    memory = make_memory(chunk=4)
    found = seen_by_a_gate(memory)
    out, state = memory(make_input(7))
    more, _ = memory(make_input(3), state)
    assert found == [2] * 4 and torch.get_num_threads() == 4
    (out.sum() + more.sum()).backward()  # two hooks in one pass
    assert len(found) > 4 and set(found) == {2} and torch.get_num_threads() == 4


def test_an_output_can_be_saved_and_changed_in_place():
    out, _ = make_memory()(make_input(3))
    torch.save(out, io.BytesIO())  # warnings are errors here
    out += 1
    out.sum().backward()


@pytest.mark.usefixtures("four")
def test_the_callers_setting_is_the_most_and_comes_back_after_an_error():
    torch.set_num_threads(1)
    with free_threads():
        assert torch.get_num_threads() == 1
    torch.set_num_threads(3)
    with pytest.raises(KeyError), free_threads():
        assert torch.get_num_threads() == 2
        with one_thread():
            assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("four")
def test_overlapping_callers_each_have_one_thread_and_then_their_own_setting_again():
    inside, leave, found = threading.Barrier(3), threading.Event(), []

    def call(own: int) -> None:
        torch.set_num_threads(own)
        with one_thread():
            inside.wait()
            found.append(torch.get_num_threads())
            leave.wait()
        found.append(torch.get_num_threads())

    callers = [threading.Thread(target=call, args=(own,)) for own in (2, 3)]
    for caller in callers:
        caller.start()
    inside.wait()
    leave.set()
    for caller in callers:
        caller.join()
    assert sorted(found) == [1, 1, 2, 3]


@pytest.mark.parametrize(("others", "free"), [((0.0, 0.02), 4), ((5.0, 5.14), 3), ((5.0, 5.5), 1), ((None, 3.0), 4)])
def test_cores_that_others_keep_busy_are_not_free(monkeypatch, others, free):
    clock, given = iter([1.0, 1.2, 1.21]), iter(others)
    monkeypatch.setattr(threads, "_seen", (0.0, None, 0))
    monkeypatch.setattr(threads, "_others", lambda: next(given))
    monkeypatch.setattr(threads.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: set(range(4)), raising=False)
    assert free_cores() == 4  # nothing is known at first
    assert [free_cores(), free_cores()] == [free, free]  # the second call is within the window


def test_a_system_that_does_not_say_leaves_every_core(monkeypatch):
    monkeypatch.setattr(threads, "Path", lambda name: Path("/nowhere"))
    assert threads._others() is None


def test_the_work_of_this_process_is_not_that_of_others():
    if threads._others() is None:
        pytest.skip("this system does not say how busy its cores are")
    before = threads._others(), threads.time.process_time()
    while threads.time.process_time() < before[1] + 0.2:
        pass
    spent = threads._others() - before[0]
    assert spent > -0.1  # in ticks of 10 ms; else own work was taken off twice
