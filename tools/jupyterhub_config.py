"""A hub for a class: `jupyterhub -f jupyterhub_config.py`. DEPLOY.md says what to add; `tools/hub.py` tries it."""

import sys

c = get_config()  # noqa: F821 - JupyterHub's
# Each user's server first copies the lessons, where they are missing, into the user's own folder.
COPY = """
from pathlib import Path
from titans_course.cli.lessons import copy_lessons
from titans_course.cli.shipped import find
copy_lessons(find("notebooks"), Path("titans_mini"))
"""
c.Spawner.cmd = ["sh", "-c", f"'{sys.executable}' -c '{COPY}' && exec jupyterhub-singleuser \"$@\"", "sh"]
c.Spawner.default_url = "/lab/tree/titans_mini/00_tour.ipynb"
c.Spawner.environment = {"OMP_NUM_THREADS": "1"}  # many people compute at once
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=3600"]  # a kernel that nobody uses for an hour ends
c.Spawner.http_timeout = c.Spawner.start_timeout = 120  # seconds; a whole class starts at once
c.JupyterHub.concurrent_spawn_limit = 10  # more users wait a moment
