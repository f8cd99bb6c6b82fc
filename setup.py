"""Put the data files of `data` into the wheel, as `course_lib/data`; pyproject.toml has the rest.

`package-dir` could map the folder, too, but it would ship `data/build.py` as a module.
"""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

PATTERNS = ("*.parquet", "README.md", "LICENSE*")


class BuildWithData(build_py):
    """Build the package and copy the data files into it, except for an editable install."""

    def run(self) -> None:
        """Copy the modules, then the data files."""
        super().run()
        if self.editable_mode:
            return
        folder = Path(self.build_lib, "course_lib", "data")
        folder.mkdir(parents=True, exist_ok=True)
        for pattern in PATTERNS:
            for file in sorted(Path("data").glob(pattern)):
                self.copy_file(str(file), str(folder / file.name))


setup(cmdclass={"build_py": BuildWithData})
