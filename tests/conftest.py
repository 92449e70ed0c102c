"""What several test files share: assertions of the property checks report their values, and one app in a browser."""

import os

import pytest
from browsing import CHROMIUM, browser, serve

pytest.register_assert_rewrite("builders", "properties")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if CHROMIUM is None:
        if os.environ.get("TITANS_REQUIRE_CHROMIUM") == "1":
            pytest.fail("Chromium is not installed, and TITANS_REQUIRE_CHROMIUM asks for it")
        pytest.skip("Chromium is not installed: the app is not tested in a browser")
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="module")
def chromium(server):
    with browser() as running:
        yield running
