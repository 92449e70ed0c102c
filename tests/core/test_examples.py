"""Every file in examples/ runs as a program without a warning, prints what it promises, and stays short."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples"
# File -> for each percentage that it prints, the lowest and the highest that is right.
PRINTED = {
    "memory_beside_a_frozen_model": [(0, 15), (90, 100)],
    "memory_for_vectors": [(85, 100), (0, 20)],
    "memory_by_name": [(100, 100), (100, 100), (0, 30)],
}
LONGEST = 60  # lines


def test_every_example_is_known_and_short():
    paths = {path.stem: path for path in FOLDER.glob("*.py")}
    assert {*paths} == {*PRINTED}
    assert all(len(path.read_text("utf8").splitlines()) <= LONGEST for path in paths.values())


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_runs_and_prints_what_it_promises(name, tmp_path):
    command = [sys.executable, "-W", "error", str(FOLDER / f"{name}.py")]
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=alone)
    assert (done.returncode, done.stderr) == (0, "")
    found = [int(number) for number in re.findall(r"(\d+)%", done.stdout)]
    assert len(found) == len(PRINTED[name]), done.stdout
    assert all(low <= number <= high for number, (low, high) in zip(found, PRINTED[name], strict=True)), done.stdout
    assert "False" not in done.stdout  # of the weights of a body
