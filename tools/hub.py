"""Several users at once in a JupyterHub: `python tools/hub.py --users 6 01_memory_that_learns`.

Needs `pip install jupyterhub` and `npm install -g configurable-http-proxy`. Starts a hub on this machine with
tools/jupyterhub_config.py, in which anybody may log in and users have no accounts of the system. All users log in with
the form at the same time. Each gets a server and the lessons, opens one and runs all its cells through the hub's proxy.
Times and memory go to benchmarks/hub.json, from which `tools/tables.py` writes the table of DEPLOY.md.
"""

import argparse
import importlib.metadata
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
import requests
import websocket
from classroom import children, resident

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = ROOT / "benchmarks" / "hub.json"
HUB = "http://127.0.0.1:8000"
PATIENCE = 300  # seconds, for a hub that starts and for a cell

# What only this trial adds to the settings: no passwords, and no accounts of the system.
TRIAL = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{top}/users/{{username}}"
c.JupyterHub.bind_url = "{address}"
"""


def start(top: Path) -> psutil.Popen:
    """A hub whose files and users' folders are in `top`. RuntimeError if it does not answer."""
    config = (ROOT / "tools" / "jupyterhub_config.py").read_text("utf-8") + TRIAL.format(top=top, address=HUB)
    if os.geteuid() == 0:
        config += 'c.Spawner.args += ["--allow-root"]\n'  # Jupyter would refuse
    (top / "jupyterhub_config.py").write_text(config, "utf-8", newline="\n")
    command = [sys.executable, "-m", "jupyterhub"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (top / "log").open("w", encoding="utf-8") as log:
        hub = psutil.Popen(
            command, cwd=top, stdout=log, stderr=log,
            env={**os.environ, "PATH": path, "CONFIGPROXY_AUTH_TOKEN": uuid.uuid4().hex},
        )  # fmt: skip
    for _ in range(PATIENCE):
        try:
            if requests.get(f"{HUB}/hub/health", timeout=5).ok:
                return hub
        except requests.ConnectionError:
            time.sleep(1)
    raise RuntimeError((top / "log").read_text("utf-8"))


class User:
    """Somebody who logs in, opens a lesson and runs it; `took` holds the seconds of each step."""

    def __init__(self, name: str):
        self.name, self.took, self.browser = name, {}, requests.Session()
        self.home = f"{HUB}/user/{name}"

    def step(self, name: str, work):
        begin = time.monotonic()
        found = work()
        self.took[name] = time.monotonic() - begin
        return found

    def log_in(self) -> None:
        """The hub's form, then JupyterLab on the user's own server, which the hub starts."""
        self.browser.get(f"{HUB}/hub/login", timeout=PATIENCE).raise_for_status()
        form = {"username": self.name, "password": "any", "_xsrf": self.browser.cookies.get("_xsrf", path="/hub/")}
        self.browser.post(f"{HUB}/hub/login", data=form, timeout=PATIENCE).raise_for_status()
        for _ in range(PATIENCE):
            page = self.browser.get(f"{self.home}/lab", timeout=PATIENCE)
            if page.ok and page.url.startswith(self.home):
                return
            time.sleep(0.5)
        raise RuntimeError(f"no server for {self.name}: {page.url}")

    def open(self, lesson: str) -> nbformat.NotebookNode:
        """The user's copy of the lesson, as JupyterLab gets it."""
        page = self.browser.get(f"{self.home}/api/contents/titans_mini/{lesson}.ipynb", timeout=PATIENCE)
        page.raise_for_status()
        return nbformat.from_dict(page.json()["content"])

    def run(self, notebook: nbformat.NotebookNode) -> list[str]:
        """Executes all code cells in a new kernel: what each printed. RuntimeError names the error of a cell."""
        token = {"X-XSRFToken": self.browser.cookies.get("_xsrf", path=f"/user/{self.name}/")}
        body = {"name": "python3", "path": "titans_mini/lesson.ipynb"}
        page = self.browser.post(f"{self.home}/api/kernels", json=body, headers=token, timeout=PATIENCE)
        page.raise_for_status()
        address = f"{self.home}/api/kernels/{page.json()['id']}/channels".replace("http", "ws", 1)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies)
        line = websocket.create_connection(address, cookie=cookies, origin=HUB, timeout=PATIENCE)
        return [self._cell(line, cell.source) for cell in notebook.cells if cell.cell_type == "code"]

    def _cell(self, line: websocket.WebSocket, source: str) -> str:
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": self.name, "version": "5.3"}
        header |= {"username": self.name, "date": "2000-01-01T00:00:00Z"}
        request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        line.send(json.dumps(request))
        printed = []
        while True:
            answer = json.loads(line.recv())
            if answer["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            kind, content = answer["header"]["msg_type"], answer["content"]
            if kind == "error":
                raise RuntimeError(f"{self.name}: {content['ename']}: {content['evalue']}\n{source}")
            if kind == "stream" and content["name"] == "stdout":
                printed.append(content["text"])
            if kind == "status" and content["execution_state"] == "idle":
                return "".join(printed)


def attend(name: str, lesson: str) -> tuple[User, list[str]]:
    """One user's visit, from the login to the lesson's last cell."""
    user = User(name)
    user.step("login", user.log_in)
    notebook = user.step("open", lambda: user.open(lesson))
    return user, user.step("run", lambda: user.run(notebook))


def compared(lesson: str) -> list[str | None]:
    """Of each code cell what the published lesson printed; None where machines may differ."""
    cells = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4).cells
    return [
        "".join(output.get("text", "") for output in cell.outputs if output.get("name") == "stdout")
        if "NBVAL_CHECK_OUTPUT" in cell.source else None
        for cell in cells if cell.cell_type == "code"
    ]  # fmt: skip


def worked(hub: psutil.Popen) -> float:
    """Processor seconds of the hub and of all that it started."""
    return sum(sum(process.cpu_times()[:4]) for process in (hub, *children(hub)))


def visit(hub: psutil.Popen, users: int, lesson: str) -> dict:
    """All users at once: seconds of their steps, memory in MB, and who printed what the published lesson prints."""
    peak, bare, done = [0.0], resident(hub) / 2**20, threading.Event()
    before = worked(hub)

    def watch() -> None:
        while not done.wait(0.5):
            peak[0] = max(peak[0], resident(hub) / 2**20)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(users) as pool:
        found = list(pool.map(lambda number: attend(f"user{number}", lesson), range(users)))
    used = worked(hub) - before
    done.set()
    watcher.join()
    wanted = compared(lesson)
    right = [all(w in (None, p) for w, p in zip(wanted, printed, strict=True)) for _, printed in found]
    took = {step: sorted(user.took[step] for user, _ in found) for step in ("login", "open", "run")}
    return {
        "users": users, "right": sum(right), "checked": sum(text is not None for text in wanted),
        **{step: [round(statistics.median(times), 1), round(times[-1], 1)] for step, times in took.items()},
        "cpu_seconds": round(used / users, 1), "hub_mb": round(bare), "user_mb": round((peak[0] - bare) / users),
    }  # fmt: skip


def main() -> int:
    """The command line; exit code 1 if a user's lesson printed anything else than the published one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", nargs="?", default="01_memory_that_learns")
    parser.add_argument(
        "--users", type=int, nargs="+", default=[1, 6], help="default: 1, then 6; each in a hub of its own"
    )
    options = parser.parse_args()
    if not shutil.which("configurable-http-proxy"):
        parser.error("configurable-http-proxy is not there; run: npm install -g configurable-http-proxy")
    results = []
    for users in options.users:
        with tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as top:
            hub = start(Path(top))
            try:
                results.append(visit(hub, users, options.lesson))
            finally:
                started = children(hub)
                hub.terminate()
                psutil.wait_procs([hub, *started], timeout=30)
    version = importlib.metadata.version("jupyterhub")
    figures = {"lesson": options.lesson, "jupyterhub": version, "cores": os.cpu_count(), "runs": results}
    NUMBERS.write_text(json.dumps(figures, indent=1) + "\n", "utf-8", newline="\n")
    print(NUMBERS.read_text("utf-8"))
    return int(any(run["right"] != run["users"] for run in results))


if __name__ == "__main__":
    raise SystemExit(main())
