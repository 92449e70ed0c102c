"""Every property can fail: each mutant is caught by a check that the real thing passes."""

import inspect

import properties
import pytest
from builders import PAIRINGS, make_memory, plain_step
from mutants import gates, memories, steps

from titans_mini import NeuralMemory, SurpriseGate

# Which check catches which step, and with what arguments.
STEPS = {
    steps.gradient_ascent: (properties.check_write_lowers_loss, {}),
    steps.write_without_effect: (properties.check_write_lowers_loss, {}),
    steps.end_of_chunk_read: (properties.check_step_is_causal, {}),
    steps.gate_averaged_over_the_chunk: (properties.check_step_is_causal, {}),
    steps.decay_once_a_chunk: (properties.check_silence, {}),
    steps.decay_twice: (properties.check_silence, dict(chunk=1)),
    steps.start_of_chunk_read: (properties.check_oracle, dict(length=3)),
    steps.momentum_dropped: (properties.check_oracle, dict(length=9)),
    steps.clip_shared_by_the_chunk: (properties.check_oracle, dict(length=4)),
    steps.decays_to_the_chunks_start: (properties.check_oracle, dict(length=9, decay="start")),
}
GATES = {
    gates.StatisticsOfThePresent: dict(normaliser="excess", chunk=1),
    gates.StatisticsOfTheChunk: dict(normaliser="running_max", chunk=4),
}
MEMORIES = {
    memories.SymmetricConvolution: properties.check_future,
    memories.SharedRows: properties.check_rows,
    memories.DetachedValues: properties.check_reach,
    memories.DetachedKeys: properties.check_reach,
    memories.DetachedGate: properties.check_reach,
    memories.ForgetsPending: lambda memory: properties.check_parts(memory, length=3),
    memories.ForgetsConvolution: lambda memory: properties.check_parts(memory, length=8),
    memories.WritesInPlace: properties.check_state_is_a_value,
    memories.KeepsState: properties.check_state_is_a_value,
}


@pytest.mark.parametrize("mutant", STEPS)
def test_a_wrong_step_is_caught(mutant):
    check, arguments = STEPS[mutant]
    check(plain_step, **arguments)
    with pytest.raises(AssertionError):
        check(mutant, **arguments)


@pytest.mark.parametrize(
    "mutant", [steps.end_of_chunk_read, steps.gate_averaged_over_the_chunk, steps.momentum_dropped]
)
@pytest.mark.parametrize("gate", ["given", "learned", "excess"])
def test_the_oracle_catches_what_crosses_tokens(mutant, gate):
    if mutant is steps.momentum_dropped and not PAIRINGS[gate].momentum:
        properties.check_oracle(mutant, PAIRINGS[gate], length=9)  # there is none to drop
        return
    with pytest.raises(AssertionError):
        properties.check_oracle(mutant, PAIRINGS[gate], length=9)


@pytest.mark.parametrize("mutant", GATES)
def test_a_wrong_gate_is_caught(mutant):
    properties.check_statistics(SurpriseGate, **GATES[mutant])
    with pytest.raises(AssertionError):
        properties.check_statistics(mutant, **GATES[mutant])


@pytest.mark.parametrize("mutant", MEMORIES)
def test_a_wrong_memory_is_caught(mutant):
    MEMORIES[mutant](make_memory(NeuralMemory))
    with pytest.raises(AssertionError):
        MEMORIES[mutant](make_memory(mutant))


def test_every_mutant_is_hunted():
    found = {
        thing
        for module in (steps, gates, memories)
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert found == {*STEPS, *GATES, *MEMORIES}
    assert all(inspect.getdoc(thing) for thing in found)
