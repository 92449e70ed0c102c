"""Keeps these notebooks out of nbval: student copies raise on purpose. tests/course/test_exercises.py runs them."""

collect_ignore_glob = ["*/*.ipynb", "*/*/*.ipynb"]
