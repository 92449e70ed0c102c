"""The Dockerfile: its steps in a clean folder, and the image itself where a Docker daemon answers."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
import time
import venv
from pathlib import Path

import pytest
from browsing import free_port
from lessons import ROOT

IMAGE = "titans-mini-test"
FILE, IGNORED = ((ROOT / name).read_text("utf8") for name in ("tools/Dockerfile", ".dockerignore"))
TEXT = re.sub(r"^\s*#.*\n", "", FILE, flags=re.M).replace("\\\n", " ")  # without comments, an instruction a line
CHECK = re.search(r"^HEALTHCHECK .*?CMD (.*)$", TEXT, re.M)[1]
PORT = "8501"


def steps(kind: str) -> list[str]:
    """The arguments of the Dockerfile's instructions of that kind, in order."""
    return re.findall(rf"^{kind} (.*)$", TEXT, re.M)


def copy(folder: Path) -> None:
    """What the COPY lines bring from a checkout into the image's working folder."""
    for line in steps("COPY"):
        *sources, target = line.split()
        for name in sources:
            assert not any(name.split("/")[0] == part for part in IGNORED.split()), f"{name} is in .dockerignore"
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, folder / target)


def environment(place: Path) -> dict[str, str]:
    """A new environment, which sees the packages of this one. Its pip needs no network, its useradd does nothing."""
    venv.create(place)
    packages = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(place)}))
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name, text in {"pip": 'exec python -m pip "$@"', "useradd": ":"}.items():
        (place / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / "bin" / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    settings = dict(pair.split("=", 1) for line in steps("ENV") for pair in shlex.split(line))
    settings |= dict(line.split("=", 1) for line in steps("ARG"))
    return kept | settings | pip | {"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def healthy(command: list[str], alive=lambda: True, **how) -> bool:
    """Whether the health check succeeds within two minutes, asked once a second while the server is alive."""
    for _ in range(120):
        if not alive():
            return False
        if subprocess.run(command, capture_output=True, check=False, **how).returncode == 0:
            return True
        time.sleep(1)
    return False


@pytest.mark.skipif(os.name == "nt", reason="the image's commands are for sh")
def test_the_steps_of_the_dockerfile_work_in_a_clean_folder(tmp_path):
    pytest.importorskip("streamlit")
    folder, out = tmp_path / "srv", tmp_path / "out"
    folder.mkdir()
    copy(folder)
    settings = environment(tmp_path / "venv")
    for line in steps("RUN"):  # the loop itself is compiled in tests/core
        how = {"env": settings | {"NUMBA_DISABLE_JIT": "1"}, "capture_output": True, "text": True, "check": False}
        done = subprocess.run(["sh", "-c", line], cwd=folder, **how)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    asked = [tmp_path / "venv" / "bin" / "python", "-c", "import titans_course; print(titans_course.__file__)"]
    where = subprocess.run(asked, cwd=tmp_path, env=settings, capture_output=True, text=True, check=True).stdout
    assert Path(where).is_relative_to(folder)
    port = str(free_port())
    command, check = (json.loads(text.replace(PORT, port)) for text in (steps("CMD")[-1], CHECK))
    with out.open("w") as stderr:
        server = subprocess.Popen(command, cwd=folder, env=settings, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        assert healthy(check, lambda: server.poll() is None, env=settings), out.read_text()
    finally:
        server.terminate()
        server.wait(20)
    assert subprocess.run(check, env=settings, capture_output=True, check=False).returncode != 0
    assert out.read_text() == ""


def docker(*arguments: str) -> str:
    """What a command of Docker prints. A failed one fails the test, with the end of what it said."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {arguments[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_the_image_answers_without_a_network():
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode:
        pytest.skip("no Docker daemon answers: the steps are replayed in a folder instead")
    index = ["--build-arg", f"TORCH_INDEX={os.environ['TORCH_INDEX']}"] if "TORCH_INDEX" in os.environ else []
    docker("build", "-f", str(ROOT / "tools" / "Dockerfile"), "--network", "host", *index, "-t", IMAGE, str(ROOT))
    name = docker("run", "-d", "--network", "none", "--memory", "2g", "--health-interval", "2s", IMAGE).strip()
    try:
        status = ["docker", "inspect", "-f", "{{.State.Health.Status}}", name]
        assert healthy(["sh", "-c", f"{shlex.join(status)} | grep -qx healthy"]), docker("logs", name)
        assert docker("exec", name, "id", "-un").strip() == "reader"
    finally:
        docker("rm", "-f", name)
