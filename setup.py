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

VERSION = re.search(r'__version__ = "(.+)"', (ROOT / "jobs" / "__init__.py").read_text("utf-8"))

REQUIRED = [
    "mrjob==0.7.4",  # its last release; jobs/engine relies on parts of it that are not public
    "numpy>=1.26",
    "pyarrow>=16",
    "boto3>=1.34",
    "zstandard>=0.22",
    "isal>=1.6",  # gzip at two to three times the speed
    "tqdm>=4.66",
    "datasketches>=5",  # HyperLogLog
    "tzdata",  # for machines without a time zone database
]
SPARK = [
    "pyspark>=3.5",
    "pandas>=2.2,<3",  # pyspark asks for it where Arrow batches cross, and warns of 3
]
SCHEDULE = [
    "sqlalchemy>=2.0.30",  # the ledger, in SQLite
    "alembic>=1.13.3",  # its migrations
]
POSTGRESQL = ["psycopg[binary]>=3.1"]
MARIADB = ["pymysql>=1.1"]  # pure Python; mysqlclient needs a compiler and headers
OTLP = ["opentelemetry-exporter-otlp-proto-http>=1.25"]
EMR = [
    "ziglang>=0.13",  # builds the kernel for the nodes, whatever processor and C library they have
]
DEV = [
    *SCHEDULE,
    *POSTGRESQL,
    *MARIADB,
    *OTLP,
    "aiosmtpd>=1.4.6",  # the mail server of tests
    "cfn-lint>=1.40",  # checks the templates below scripts/infra
    "coverage>=7.10",  # measures forked tasks
    "duckdb>=1.2",
    "hypothesis>=6.100",
    "moto[server]>=5.0",
    "mypy>=1.15",
    "pandas>=2.2,<3",
    "polars>=1.20",
    "pytest>=8.3,<9.2",  # pytest-xdist 3.8 does not keep groups of tests together on later ones
    "pytest-cov>=6.0",
    "pytest-xdist>=3.6",
    "ruff>=0.11,<0.18",  # other versions format otherwise
    "types-PyYAML",
    "types-setuptools",
    "ziglang>=0.13",
    "boto3-stubs[s3]>=1.34",
]


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
    install_requires=REQUIRED,
    extras_require={
        "spark": SPARK,
        "schedule": SCHEDULE,
        "postgresql": POSTGRESQL,
        "mariadb": MARIADB,
        "otlp": OTLP,
        "emr": EMR,
        "dev": DEV,
    },
    distclass=Platform,
    cmdclass={"build_py": BuildKernel, "bdist_wheel": Wheel},
)
