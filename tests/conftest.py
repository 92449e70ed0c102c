"""Assertions of the shared property checks report their values, as those of a test file do."""

import pytest

pytest.register_assert_rewrite("builders", "properties")
