"""Ctrl-C and SIGTERM end work in good order."""

import signal
import threading

import pytest

from titans_mini.stopping import PATIENCE, STOPS, Terminated, exit_code, postponed, terminable


def test_sigterm_is_a_keyboard_interrupt_of_its_own_kind():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as caught, terminable():
        signal.raise_signal(signal.SIGTERM)
    assert type(caught.value) is Terminated and signal.getsignal(signal.SIGTERM) is before
    assert (exit_code(caught.value), exit_code(KeyboardInterrupt())) == (143, 130)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_postponed_signal_waits_for_the_end_of_the_block(number, error):
    done = []
    with pytest.raises(error) as caught, terminable(), postponed() as stop:
        assert not stop.asked
        signal.raise_signal(number)
        assert stop.asked
        done.append("the step")
    assert done and type(caught.value) is error


@pytest.mark.parametrize("number", STOPS)
def test_a_second_signal_takes_effect_at_once(number, monkeypatch):
    clock = iter((10.0, 10.0 + PATIENCE / 2, 10.0 + PATIENCE))
    monkeypatch.setattr("titans_mini.stopping.time.monotonic", lambda: next(clock))
    with pytest.raises(KeyboardInterrupt), terminable(), postponed():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(number)  # the same one, sent on by torchrun
        signal.raise_signal(number)
        pytest.fail("went on")


def test_an_ignored_signal_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in a shell's background job
    try:
        with postponed() as stop:
            signal.raise_signal(signal.SIGINT)
        assert not stop.asked and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_threads_change_no_handler():
    before, seen = [signal.getsignal(number) for number in STOPS], []

    def work():
        with terminable(), postponed() as stop:
            seen.append((stop.asked, [signal.getsignal(number) for number in STOPS]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
