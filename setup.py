"""Puts the app and the lessons into a wheel, where `titans_course.cli.shipped.find` looks for them.

In the repository they are folders of their own, and an editable install leaves them there.
"""

import runpy
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build

HOME = Path("titans_course/shipped")
lesson_files = runpy.run_path("titans_course/cli/lessons.py")["lesson_files"]


class Ship(Command):
    """A step of the build: copies each shipped file to its path below HOME."""

    def initialize_options(self) -> None:
        self.build_lib, self.editable_mode = None, False

    def finalize_options(self) -> None:
        self.set_undefined_options("build", ("build_lib", "build_lib"))

    def get_source_files(self) -> list[str]:
        """The files as they are in the repository; an sdist takes them along."""
        app = [path for path in sorted(Path("app").rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
        lessons = [Path("notebooks") / name for name in lesson_files(Path("notebooks"))]
        return [path.as_posix() for path in (Path(".streamlit/config.toml"), *app, *lessons)]

    def get_output_mapping(self) -> dict[str, str]:
        return {str(Path(self.build_lib) / HOME / source): source for source in self.get_source_files()}

    def get_outputs(self) -> list[str]:
        return list(self.get_output_mapping())

    def run(self) -> None:
        for target, source in {} if self.editable_mode else self.get_output_mapping().items():
            self.mkpath(str(Path(target).parent))
            self.copy_file(source, target)


build.sub_commands.append(("ship", None))
setup(cmdclass={"ship": Ship})
