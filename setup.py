"""How Sensor Jobs is installed: pure Python, and beside it the kernel, one C library that any compiler builds."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import ClassVar

from setuptools import Distribution, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from jobs.kernel import build
from jobs.requirements import CORE, EXTRAS

VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "jobs" / "__init__.py").read_text("utf-8"))


class Platform(Distribution):
    """Holds a library, though no extension module of Python's."""

    def has_ext_modules(self) -> bool:
        return True


class BuildKernel(build_py):
    """Builds the kernel into the package; an editable install gets it beside the sources."""

    failure: ClassVar[str] = ""

    def run(self) -> None:
        super().run()
        folder = ROOT if self.editable_mode else Path(self.build_lib)
        try:
            build.build(folder / "jobs" / "kernel" / build.LIBRARY.name)
        except build.BuildError as error:
            BuildKernel.failure = str(error)
            self.warn(f"the kernel is left out, and everything works without it, slower:\n{error}")


class Wheel(bdist_wheel):
    """A wheel for any Python 3: the kernel depends on the platform only."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", "any" if BuildKernel.failure else super().get_tag()[2]


setup(
    name="sensor-jobs",
    version=VERSION[1] if VERSION else "0",
    description="Daily statistics of sensor logs with mrjob, and a Spark twin of every job",
    long_description=(ROOT / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.11",
    packages=find_packages(include=["jobs", "jobs.*"]),
    package_data={
        "jobs": ["py.typed"],
        "jobs.kernel": ["*.c", "*.h"],
        "jobs.readings": ["dialects/*.toml"],
        "jobs.emr": ["*.toml", "*.sh"],
        "jobs.engine": ["skeleton/*.txt", "*.properties"],
        "jobs.schedule.ledger": ["migrations/script.py.mako"],
        "jobs.hadoop": ["pom.xml", "hadoop.sh", "*.properties", "classes.txt.gz"],
    },
    exclude_package_data={"": ["*.so"]},
    install_requires=CORE,
    extras_require=EXTRAS,
    distclass=Platform,
    cmdclass={"build_py": BuildKernel, "bdist_wheel": Wheel},
)
