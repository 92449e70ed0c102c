"""Several visitors at once: nobody sees another's picture, and who is gone leaves nothing behind."""

import asyncio

import pytest

pytest.importorskip("streamlit")
pytest.importorskip("playwright")

import pages  # noqa: E402, F401
from browsing import serve  # noqa: E402
from visitors import PAGES, Caller, Page, drop, held, roam, sessions, slide, unlike  # noqa: E402

pytestmark = pytest.mark.browser
TOKENS, MOVES = 300, 3
KEPT = 1  # seconds that the server keeps a session whose visitor is gone


def test_visitors_at_the_same_time_each_get_the_picture_of_a_run_alone(server):
    async def visit():
        async with sessions(server, 1, 2, TOKENS) as people:
            slides = [slide(person, seed, float("inf"), 0.0, MOVES) for seed, person in enumerate(people)]
            return people, await asyncio.gather(*slides)

    people, found = asyncio.run(visit())
    assert [type(person) for person in people] == [Page, Page, Caller]
    moves = [move for part in found for move in part]
    assert len(moves) == 3 * MOVES and len({tuple(move.curves) for move in moves}) == len(moves)
    assert unlike(moves, TOKENS) == []
    assert [error for person in people for error in person.errors] == [] and server.log.read_text() == ""


def test_another_picture_is_told_from_that_of_a_run_alone(server):
    async def visit():
        async with sessions(server, 1, 0, TOKENS) as (person,):
            return await slide(person, 0, float("inf"), 0.0, 2)

    first, second = asyncio.run(visit())
    assert unlike([first, first._replace(curves=second.curves)], TOKENS) == [first._replace(curves=second.curves)]


def test_sessions_that_vanish_are_released(server, tmp_path):
    async def visit() -> list[int]:
        kept = []
        async for _ in drop(running, 5, TOKENS):
            kept.append(held(tmp_path))
            await asyncio.sleep(KEPT)
        async for _ in drop(running, 2, TOKENS):  # the server looks for old sessions when one goes
            await asyncio.sleep(KEPT)
        return [*kept, held(tmp_path)]

    with serve(tmp_path, TMPDIR=str(tmp_path), STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL=str(KEPT)) as running:
        kept = asyncio.run(visit())
        assert running.log.read_text() == ""
    assert kept[0] == 1 and kept[-1] <= 3, kept  # of seven


def test_sessions_that_open_all_pages_from_the_first_second_see_no_error_page(tmp_path):
    async def visit():
        return await asyncio.gather(*(roam(running, seed, 1, TOKENS) for seed in range(4)))

    with serve(tmp_path, TMPDIR=str(tmp_path)) as running:
        found = asyncio.run(visit())
        assert running.log.read_text() == ""
    assert [visits.errors for visits in found] == [[]] * 4
    assert all(visits.visits >= len(PAGES) for visits in found)
