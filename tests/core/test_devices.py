"""The door by which every command and function reaches another device.

Where there is no CUDA device, `far` is the stand-in of that name; where there is one, both are tried.
"""

import functools
import json

import pytest
import torch
from far import FAR, FarDevice, is_far
from models import KINDS, make_ids, make_model

from titans_course.studies.context import half_life
from titans_course.studies.incidents import broken_weight
from titans_mini import ConfigError, MemoryConfig, NeuralMemory, SimulationConfig, TitansConfig, simulate_many
from titans_mini.cli import main
from titans_mini.devices import usable_device
from titans_mini.memory.tree import tensors
from titans_mini.models.generate import generate
from titans_mini.operate import LanguageEngine, Limits, MemoryEngine, RecipeEngine, RunConfig, Runner
from titans_mini.stream import Reader, StreamConfig
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import text_bytes
from titans_mini.training.train import TrainConfig, Trainer

TIMES = {"seconds", "tokens_per_second", "marks", "slope", "memory_ratio", "cost"}
REAL = torch.cuda.is_available()
COMMANDS = pytest.mark.parametrize(
    "arguments",
    [
        "simulate --tokens 90 --width 8 --json",
        "simulate --tokens 90 --encoding conv-mag --json",
        "simulate --tokens 90 --width 8 --depth 3 --chunk 16 --decay start --scenario silence --json",
        "tune --tokens 100 --final-tokens 150 --width 8 --seeds 2 --tau 0.1 --beta 0.5 --quiet --json",
        "tune --tokens 100 --final-tokens 100 --width 8 --seeds 1 --tau 0.1 --objective recall --quiet --json",
        "stream --tokens 200 --piece 64 --quiet --json",
        "stream --checkpoint conv-mal --tokens 1100 --piece 512 --quiet --json",
        "eval --checkpoint recall-mal --size 40 --rows 3",
        "eval --checkpoint conv-lmm --task needle --size 60 --rows 3 --memory frozen",
        "eval --checkpoint text-mag --context 16 32 --rows 3",
        "eval --checkpoint text-mag --passage 40 --rows 3",
        "eval --checkpoint text-mac --file README.md --size 90",
    ],
)


@pytest.fixture
def cuda(monkeypatch):
    """Two CUDA devices, as far as torch tells."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    # A CUDA build of torch would ask the missing driver for its stream at each step of an optimizer.
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda *_, **__: None)
    monkeypatch.setattr("torch.cuda.is_current_stream_capturing", lambda: False)


@pytest.fixture(params=["stand-in", pytest.param("cuda", marks=pytest.mark.skipif(not REAL, reason="no CUDA device"))])
def far(request):
    """ "cuda" is a device; called, says whether much was computed there."""
    if request.param == "cuda":
        yield lambda: torch.cuda.max_memory_allocated() > 0
        return
    request.getfixturevalue("cuda")
    with FarDevice() as mode:
        yield lambda: mode.count > 300


def is_there(tree) -> bool:
    return all(part.device.type == "cuda" for part in tensors(tree))


def is_here(tree) -> bool:
    return all(part.device.type == "cpu" for part in tensors(tree))


def printed(capsys, arguments: str) -> dict:
    """What a command prints as JSON, without what depends on the clock."""
    assert main(arguments.split()) == 0
    return without_times(json.loads(capsys.readouterr().out))


def without_times(found):
    if isinstance(found, list):
        return [without_times(part) for part in found]
    if isinstance(found, dict):
        return {name: without_times(part) for name, part in found.items() if name not in TIMES}
    return found if not isinstance(found, float) else pytest.approx(found, rel=1e-3, abs=1e-5)


# The check of a name


@pytest.mark.parametrize("name", ["gpu", "cuda:7", "meta", "", 3, None])
def test_a_device_that_is_not_there_is_one_line_with_those_that_are(name, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"^device must be one that this machine and its torch have \(cpu\), not "):
        usable_device(name)


def test_a_device_that_is_there_is_found_by_its_name(cuda, monkeypatch):
    for name, place in {"cpu": "cpu", "cuda": "cuda:0", "cuda:1": "cuda:1"}.items():
        assert usable_device(name) == usable_device(torch.device(name)) == torch.device(place)
    with pytest.raises(ConfigError, match=r"\(cpu, cuda, cuda:0, cuda:1\), not 'cuda:2'"):
        usable_device("cuda:2")
    monkeypatch.setenv("LOCAL_RANK", "1")  # as torchrun sets it in the second process
    assert usable_device("cuda") == torch.device("cuda:1") and usable_device("cuda:0") == torch.device("cuda:0")


@pytest.mark.parametrize("command", ["simulate", "tune", "stream", "eval --checkpoint recall-lmm", "train --out {tmp}"])
def test_every_command_refuses_an_unknown_device_before_it_begins(command, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    out = tmp_path / "out"
    assert main([*command.format(tmp=out).split(), "--device", "tpu"]) == 2
    told = capsys.readouterr()
    assert told.err == "titans-mini: device must be one that this machine and its torch have (cpu), not 'tpu'\n"
    assert not told.out and not out.exists()


# The other device


def test_the_stand_in_refuses_what_cuda_refuses():
    with FarDevice():
        check_stand_in()


def check_stand_in() -> None:
    there, here = torch.ones(3, device=FAR), torch.ones(3)
    draw = functools.partial(torch.multinomial, there, 1, generator=torch.Generator())
    for refused in (
        lambda: there + here,
        lambda: here[there.long()],
        lambda: torch.cat([there, here]),
        there.numpy,
        draw,
    ):
        with pytest.raises((RuntimeError, TypeError), match="cuda:0"):
            refused()
    same = [
        there + 1,
        there * torch.tensor(2.0),
        there[torch.tensor([0])],
        here.to(FAR),
        there.detach(),
        here.to(there),
    ]
    assert all(part.device == FAR for part in same)
    assert not any(is_far(part) for part in (here, there.cpu(), there.to("cpu"), torch.zeros_like(there, device="cpu")))


@COMMANDS
def test_a_command_gives_the_same_on_another_device(arguments, capsys, far):
    assert printed(capsys, f"{arguments} --device cuda") == printed(capsys, arguments) and far()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_reads_on_another_device(kind, far):
    lm, ids = make_model(kind), make_ids(11)
    copy, state, moved = make_model(kind).to(usable_device("cuda")), None, None
    with torch.no_grad():
        for piece, memory in zip(ids.split(4, dim=1), ("on", "frozen", "on"), strict=True):
            logits, state = lm(piece, state, memory=memory)
            found, moved = copy(piece.to(usable_device("cuda")), moved, memory=memory)
            same((found, moved), (logits, state))
    assert is_there(moved) and far()


# What is kept on one device is continued on another


def test_a_stream_continues_on_another_device(tmp_path, far, monkeypatch):
    config, step = StreamConfig(checkpoint="recall-mag", tokens=240, piece=60), Reader._step
    whole = Reader(config).run(quiet=True)
    monkeypatch.setattr(Reader, "_step", lambda reader: stop_at(reader, 120) or step(reader))
    with pytest.raises(KeyboardInterrupt):
        Reader(config, tmp_path, device="cuda").run(quiet=True)
    monkeypatch.setattr(Reader, "_step", step)
    reader = Reader(config, tmp_path)
    assert reader.position == 120 and is_here(reader.state)
    assert without_times(reader.run(quiet=True)) == without_times(whole)
    there = Reader(config, tmp_path, device="cuda").state
    assert is_there(there)
    same(there, reader.state)


def same(there, here) -> None:
    """The numbers of two states, wherever they are."""
    torch.testing.assert_close(tensors(there), tensors(here), rtol=1e-4, atol=1e-5, check_device=False)


def stop_at(reader: Reader, position: int) -> None:
    if reader.position == position:
        raise KeyboardInterrupt


def test_a_training_continues_on_another_device(tmp_path, far):
    model, config = TitansConfig(vocab_size=80, dim=8, layers=1, heads=1), TrainConfig(steps=4, rows=2, size=8)
    torch.manual_seed(0)
    Trainer(model, config, tmp_path / "whole", "cpu").run(quiet=True)
    Trainer(model, config, tmp_path / "parts", "cpu").run(2, quiet=True)
    Trainer(model, config, tmp_path / "parts").run(3, quiet=True)
    assert far()  # on CUDA where there is any
    parts, whole = (Trainer(model, config, tmp_path / name, "cpu") for name in ("parts", "whole"))
    parts.run(quiet=True)
    assert parts.losses == pytest.approx(whole.losses, abs=1e-4) and len(parts.losses) == 4


ENGINES = {
    "language": (lambda device: LanguageEngine(load_model("text-mag", device)), text_bytes()[:240]),
    "memory": (lambda device: MemoryEngine(memory().to(usable_device(device))), torch.randn(240, 8)),
    "recipe": (lambda device: RecipeEngine(SimulationConfig(), device=device), text_bytes()[:240]),
}


def memory() -> NeuralMemory:
    torch.manual_seed(0)
    return NeuralMemory(MemoryConfig(dim=8, gate="surprise"))


@pytest.mark.parametrize("kind", ENGINES)
def test_a_watched_stream_is_the_same_on_another_device(kind, tmp_path, far):
    make, stream = ENGINES[kind]
    limits, found = Limits(window=20, warmup=100), []
    for device in ("cpu", "cuda"):
        runner = Runner(make(device), tmp_path / device, config=RunConfig(piece=30, snapshot_every=60, limits=limits))
        pieces = [piece if number % 2 else piece.to("cuda") for number, piece in enumerate(stream.split(30))]
        events = [event for piece in pieces for event in runner.feed(piece)] + runner.rollback()
        runner.replace(broken_weight(runner.state))
        events += runner.feed(stream[:30])
        found.append((runner, [event[:2] for event in events], without_times(runner.monitor.metrics._asdict())))
    (here, *wanted), (there, *told) = found
    assert told == wanted and is_there(there.state) and far()
    same(there.state, here.state)
    newest = there.snapshots.list()[-1]
    assert there.snapshots.fingerprint == here.snapshots.fingerprint
    assert is_here(here.snapshots.load(newest))
    assert is_there(there.snapshots.load(here.snapshots.list()[-1]))


def test_generation_draws_the_same_tokens_on_another_device(far):
    lm, prompt = load_model("text-mal"), text_bytes()[None, :20]
    wanted, _ = generate(lm, prompt, 12, seed=3, temperature=0.9, top_k=20, min_p=0.01)
    found, state = generate(load_model("text-mal", "cuda"), prompt, 12, seed=3, temperature=0.9, top_k=20, min_p=0.01)
    assert found.tolist() == wanted.tolist() and is_there(state)


def test_many_settings_are_the_same_on_another_device(far):
    for gate in ("surprise", "constant"):
        configs = [SimulationConfig(tokens=70, tau=tau, gate=gate) for tau in (0.1, 0.9)]
        for there, here in zip(simulate_many(configs, device="cuda"), simulate_many(configs), strict=True):
            assert without_times(there.summary()) == without_times(here.summary())
            assert there.loss_after == pytest.approx(here.loss_after, rel=1e-4, abs=1e-6)
    assert far()


def test_the_half_life_of_a_write_is_the_same_on_another_device(far):
    here, there = (half_life(load_model("text-mag", device), rows=1, length=400) for device in ("cpu", "cuda"))
    assert here == there and far()
