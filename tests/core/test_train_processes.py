"""Training on two processes: it is the training of one, stopped and resumed on any number of them."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from browsing import free_port
from safetensors import safe_open

from titans_mini import ConfigError, TitansConfig
from titans_mini.training.checkpoint import read_card
from titans_mini.training.tasks import TASKS
from titans_mini.training.train import TrainConfig, Trainer, training_batch

MODEL = TitansConfig(variant="mag", vocab_size=TASKS["recall"].vocab_size, dim=16, heads=2, window=4, chunk=4)
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads and processes are read from /proc")


def start(*arguments):
    """Two processes that share their gradients, as torchrun starts them."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={free_port()}"]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([*command, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes)


def torchrun(*arguments):
    """What two processes print that end well."""
    run = start(*arguments)
    printed, told = run.communicate()
    assert run.returncode == 0, told
    return printed


def test_two_processes_train_one_model(tmp_path):
    arguments = ["-m", "titans_mini", "train", "--task", "recall", "--variant", "mag", "--dim", "16", "--heads", "2"]
    arguments += ["--steps", "3", "--rows", "2", "--size", "8", "--start-size", "4", "--quiet", "--out", str(tmp_path)]
    printed = torchrun(*arguments)
    card = read_card(tmp_path / "model")
    config = TrainConfig(**card["training"])
    assert card["tokens"] == sum(training_batch(config, step).ids.numel() for step in range(config.steps))
    assert json.loads(printed.strip().splitlines()[-1])["checkpoint"].endswith("model.safetensors")


CASES = {
    "without memory": dict(task="recall", steps=3, size=8, start_size=8, memory="off"),
    "in pieces": dict(task="text", steps=2, size=24, start_size=24, truncate=8),
    "of uneven shares": dict(task="recall", steps=3, size=8, rows=3, truncate=16),
    "with a price on gates": dict(task="recall", steps=2, size=8, gate_cost=0.3),
}
TOGETHER = """
import json
import sys
from pathlib import Path
import torch
from titans_mini import TitansConfig
from titans_mini.training.processes import joined
from titans_mini.training.train import TrainConfig, Trainer

with joined():
    for folder, model, config, *ends in json.loads(Path(sys.argv[1]).read_text()):
        for end in ends:
            Trainer(TitansConfig(**model), TrainConfig(**config), folder).run(until=end, quiet=True)
            torch.distributed.barrier()  # until the first process has saved
"""


def together(folder, *plans):
    """Trains the plans (folder, model, config, steps after which it stops ...) on two processes."""
    (folder / "together.py").write_text(TOGETHER)
    (folder / "plans.json").write_text(
        json.dumps([(str(to), asdict(m), asdict(c), *ends) for to, m, c, *ends in plans])
    )
    torchrun(str(folder / "together.py"), str(folder / "plans.json"))


def trained(folder, model, config):
    """The weights and losses of a run, and its tokens; what it lacks is trained here, on one process."""
    trainer = Trainer(model, config, folder)
    weights = torch.cat([parameter.detach().flatten() for parameter in trainer.run(quiet=True).parameters()])
    return weights, torch.tensor(trainer.losses), trainer.tokens


def test_two_processes_learn_what_one_learns(tmp_path):
    plans = {}
    for name, settings in CASES.items():
        config = TrainConfig(**{"rows": 2, **settings})
        plans[name] = replace(MODEL, vocab_size=TASKS[config.task].vocab_size), config
    together(tmp_path, *((tmp_path / name, *plan, None) for name, plan in plans.items()))
    for name, plan in plans.items():
        found, wanted = (trained(tmp_path / place / name, *plan) for place in ("", "alone"))
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}")


def test_a_run_of_two_resumes_on_two_with_the_same_bits_and_on_one_up_to_rounding(tmp_path):
    config = TrainConfig(rows=3, steps=8, size=8, start_size=4, save_every=100)
    whole, two, one = (tmp_path / name for name in ("whole", "two", "one"))
    together(tmp_path, (whole, MODEL, config, None), (two, MODEL, config, 3, None), (one, MODEL, config, 3))
    assert kept_step(one) == 3
    whole, two, one = (trained(place, MODEL, config) for place in (whole, two, one))
    assert torch.equal(whole[0], two[0]) and torch.equal(whole[1], two[1])
    torch.testing.assert_close(one, whole, rtol=1e-5, atol=2e-5)
    assert whole[2] == two[2] == one[2] == sum(training_batch(config, step).ids.numel() for step in range(8))


def kept_step(folder):
    """The step that is saved; 0 if none is."""
    try:
        with safe_open(folder / "progress.safetensors", "pt") as file:
            return json.loads(file.metadata()["run"])["step"]
    except FileNotFoundError:
        return 0


@ON_LINUX
def test_two_processes_one_of_which_is_killed_and_then_both_stopped_lose_no_step_that_was_saved(tmp_path):
    config = TrainConfig(rows=3, size=8, start_size=4, steps=100_000, save_every=4)
    shape = ["--variant", "mag", "--dim", "16", "--heads", "2", "--window", "4", "--chunk", "4", "--rows", "3"]
    flags = [*shape, "--size", "8", "--start-size", "4", "--steps", "100000", "--save-every", "4", "--quiet"]
    steps = [0]
    for told in ("another process of this training is gone; run the same command again", "steps are saved in"):
        run = start("-m", "titans_mini", "train", *flags, "--out", str(tmp_path / "run"))
        while kept_step(tmp_path / "run") <= steps[-1] and run.poll() is None:
            time.sleep(0.02)
        ranks = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        os.kill(*((int(ranks[1]), signal.SIGKILL) if steps == [0] else (run.pid, signal.SIGTERM)))
        assert told in run.communicate()[1]
        steps.append(kept_step(tmp_path / "run"))
    assert steps[1] % 4 == 0 and 0 < steps[1] < steps[2]
    found, wanted = (Trainer(MODEL, config, tmp_path / place) for place in ("run", "alone"))
    assert found.step == steps[2]
    for trainer in (found, wanted):
        trainer.run(until=steps[2] + 1, quiet=True)
    assert found.losses[:20] == pytest.approx(wanted.losses[:20], rel=1e-3) and found.tokens == wanted.tokens


def test_more_processes_than_rows_are_refused(tmp_path, monkeypatch):
    for name, value in dict(WORLD_SIZE="3", RANK="0", MASTER_ADDR="localhost", MASTER_PORT="1").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="rows must be at least 3, the number of processes, not 2"):
        Trainer(MODEL, TrainConfig(rows=2), tmp_path)


LEAVING = """
import json
import sys
from pathlib import Path
from titans_mini import TitansConfig
from titans_mini.training.processes import joined, place
from titans_mini.training.tasks import TASKS
from titans_mini.training.train import TrainConfig, Trainer

model = TitansConfig(vocab_size=TASKS["recall"].vocab_size, dim=16, heads=2)
with joined():
    Trainer(model, TrainConfig(steps=1, rows=2, size=8), sys.argv[1]).run(quiet=True)
    inside = {path.read_text() for path in Path("/proc/self/task").glob("*/comm")}
after = {path.read_text() for path in Path("/proc/self/task").glob("*/comm")}
found = [any("gloo" in name for name in names) for names in (inside, after)]
Path(sys.argv[1], f"{place()[0]}.json").write_text(json.dumps(found))
"""


@ON_LINUX
def test_a_process_that_leaves_keeps_no_thread_of_its_group(tmp_path):
    """A thread that is still at work while the interpreter shuts down aborts the whole run, one time in ten."""
    (tmp_path / "leaving.py").write_text(LEAVING)
    torchrun(str(tmp_path / "leaving.py"), str(tmp_path))
    assert [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1)] == [[True, False]] * 2
