"""Many people at once: `python tools/load.py --sessions 20 --seconds 120`, and `python tools/load.py --dropped 30`.

Starts the app on this machine and opens this many sessions. Each moves tau, beta and lambda to values of its own, waits
for the new picture, and pauses. Some are pages in Chromium (`--pages`), timed from the key press to the redrawn curves.
The others use the app's websocket without a browser, timed from the message to the data of the new curves, because two
cores cannot draw twenty pages and serve them as well. Afterwards each picture is compared, bit for bit, with a run of
the same settings in this process, which nobody else uses.

With `--wander`, all sessions start at once in the server's first second and go from page to page; error pages are
counted. With `--dropped`, sessions come, use two pages, and vanish without closing; what they leave in the server is
measured. Server, browser and callers share one machine, so a server on its own machine does better than these figures.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browsing import Server, serve  # noqa: E402
from visitors import Caller, Move, Page, drop, held, roam, sessions, slide, unlike  # noqa: E402

WAIT = 10  # seconds for which the server keeps a session whose visitor is gone; Streamlit's default is 120


def resident(server: Server) -> float:
    """The server's memory in MB; NaN where the system is not Linux."""
    status = Path(f"/proc/{server.pid}/status")
    return int(re.search(r"VmRSS:\s+(\d+)", status.read_text("ascii"))[1]) / 1024 if status.exists() else float("nan")


def worked(server: Server) -> float:
    """Processor seconds that the server has used; NaN where the system is not Linux."""
    status = Path(f"/proc/{server.pid}/stat")
    if not status.exists():
        return float("nan")
    user, system = status.read_text("ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def line(name: str, moves: list[Move]) -> str:
    """The number of some moves and their times, as a line of the report."""
    times = sorted(move.seconds * 1000 for move in moves)
    if not times:
        return f"{name:26} none"
    high = times[min(len(times) - 1, int(0.95 * len(times)))]
    return f"{name:26} {len(times):5} {statistics.median(times):8.0f} ms {high:8.0f} ms {times[-1]:8.0f} ms"


async def load(server: Server, options: argparse.Namespace) -> list[str]:
    """Runs all sessions at once and returns the lines of the report."""
    before = resident(server)
    async with sessions(server, options.sessions - options.pages, options.pages, options.tokens) as people:
        opened, began, end = resident(server), worked(server), time.monotonic() + options.seconds
        slides = (slide(person, seed, end, options.pause) for seed, person in enumerate(people))
        found = await asyncio.gather(*slides)
        after, work = resident(server), worked(server) - began
        errors = [error for person in people for error in person.errors]
    errors += server.log.read_text("utf-8").splitlines()
    kinds = {kind: [m for p, moves in zip(people, found, strict=True) if isinstance(p, kind) for m in moves]
             for kind in (Page, Caller)}  # fmt: skip
    moves = [move for part in found for move in part]
    return [
        f"{options.sessions} sessions, {options.tokens} tokens, pause {options.pause:g} s, {options.seconds:g} s",
        f"{'':26} moves   median         p95       worst",
        *(line(kind.kind, some) for kind, some in kinds.items()),
        f"pictures that differ from those of a run alone: {len(unlike(moves, options.tokens))} of {len(moves)}",
        f"errors in server and pages: {len(errors)}" + "".join(f"\n  {error}" for error in errors[:5]),
        f"server's processor time per move: {work / max(1, len(moves)) * 1000:.0f} ms",
        f"server's memory: {before:.0f} MB at its start, {opened:.0f} with all sessions open, {after:.0f} at the end",
    ]


async def wander(server: Server, options: argparse.Namespace) -> list[str]:
    """Sessions that open all pages from the server's first second on, each in its own order; returns the report."""
    begin = time.monotonic()
    visits = await asyncio.gather(
        *(roam(server, seed, options.wander, options.tokens) for seed in range(options.sessions))
    )
    errors = [error for found in visits for error in found.errors]
    count = sum(found.visits for found in visits)
    logged = server.log.read_text("utf-8").splitlines()
    return [
        f"{options.sessions} sessions, {count} visits of all pages in {time.monotonic() - begin:.0f} s",
        f"error pages: {len(errors)} of {count}" + "".join(f"\n  {error}" for error in errors[:5]),
        f"lines in the server's log: {len(logged)}" + "".join(f"\n  {line}" for line in logged[:10]),
    ]


async def dropped(server: Server, folder: Path, options: argparse.Namespace) -> list[str]:
    """Sessions that vanish, ten at a time; returns the report."""
    report = [f"server's memory: {resident(server):.0f} MB at its start"]
    async for gone in drop(server, options.dropped, options.tokens):
        if gone % 10 == 0 or gone == options.dropped:
            report.append(f"{gone} sessions gone: {resident(server):.0f} MB, {held(folder)} still held")
    await asyncio.sleep(WAIT + 1)
    async for _ in drop(server, 2, options.tokens):  # the server looks for old sessions when one goes
        pass
    return [*report, f"after {WAIT} s and two more: {resident(server):.0f} MB, {held(folder)} still held"]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=20, help="number of sessions at the same time")
    parser.add_argument("--pages", type=int, default=2, help="how many of them are pages in Chromium")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long the sessions move sliders")
    parser.add_argument("--pause", type=float, default=5.0, help="mean seconds between a picture and the next move")
    parser.add_argument("--tokens", type=int, default=2000, help="length of each run")
    parser.add_argument("--dropped", type=int, default=0, help="instead: number of sessions that come and vanish")
    parser.add_argument(
        "--wander", type=int, default=0, help="instead: rounds over all pages, from the start of the server"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve(folder, TMPDIR=name, STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL=str(WAIT)) as server:
            if options.dropped:
                work = dropped(server, folder, options)
            else:
                work = (wander if options.wander else load)(server, options)
            print("\n".join(asyncio.run(work)))
    if hasattr(os, "getloadavg"):
        print(f"load average of the machine at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
