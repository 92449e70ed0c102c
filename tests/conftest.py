"""What several test files share: assertions of the property checks report their values, and one app in a browser."""

import os
import signal
import sys

import pytest
from browsing import browser, require_chromium, serve
from windows import skip_posix

from titans_mini.language import VARIABLE
from titans_mini.memory.fast.rows import compiled

pytest.register_assert_rewrite("builders", "properties")
os.environ[VARIABLE] = "en"  # the tests read what commands and labs say, whatever the machine's locale
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # a shell makes what it runs in the background deaf to Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)
compiled(wait=None)  # else the first tests would meet the chunk form, whose numbers differ in their last digits


@pytest.fixture(autouse=True)
def own_main():
    """Puts `__main__` back: the app's script takes its place, and each process started later would run it first."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    require_chromium("the app is not tested in a browser")
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(server):
    with browser() as running:
        yield running


def pytest_collection_modifyitems(items):
    """A test in a real browser may meet a machine that stands still for seconds: it may fail once, and the report says
    so. One that fails twice has failed. What only POSIX has is not tested elsewhere."""
    skip_posix(items, os.name)
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
