"""What tests of Amazon EMR share."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.emr import bundle
from jobs.emr.bundle import Bundle
from jobs.engine.cache import cache_folder
from scripts import aws_cli


@pytest.fixture(scope="session")
def bundles() -> Path:
    """The folder where bundles are kept from one test run to the next."""
    return cache_folder() / "emr" / "bundles"


@pytest.fixture(scope="session")
def own_bundle(bundles: Path) -> Bundle:
    """What nodes of this machine's processor install."""
    import platform

    machine = platform.machine().lower()
    if platform.system() != "Linux" or machine not in bundle.ARCHITECTURES:
        pytest.skip(f"no node of EMR is a {platform.system()} {machine}")
    return bundle.build(bundles, machine)


@pytest.fixture(scope="session")
def aws() -> Path:
    """The folder of the real `aws` command."""
    return aws_cli.folder()
