"""Every command in README.md and docs/ runs and prints what its page shows."""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.engine.cache import cache_folder
from jobs.hadoop import cluster, jars
from scripts.console import ROOT, Block, Sandbox, agrees, blocks, expects_failure, masked, pages
from tests.clusters import emr_rehearsal, need_hadoop

BLOCKS = [block for page in pages() for block in blocks(page)]
NOT_RUN_LIMIT = 8
"""How many blocks may be left out, over all pages. Raise it only with a reason that a reader would accept."""


def _parameter(block: Block) -> object:
    marks = [getattr(pytest.mark, need) for need in block.needs]
    if block.not_run:
        marks.append(pytest.mark.skip(reason=f"not run: {block.not_run}"))
    # One page, one worker: its commands run in order, in one sandbox.
    return pytest.param(block, id=block.name, marks=[*marks, pytest.mark.xdist_group(block.page.stem)])


@pytest.fixture(scope="session")  # a module's would be made anew when a worker runs tests of others in between
def sandboxes() -> Iterator[dict[Path, Sandbox]]:
    """The sandboxes of all pages; a cluster that a page started and did not end is ended."""
    made: dict[Path, Sandbox] = {}
    yield made
    for sandbox in made.values():
        if (home := cluster.default_home(sandbox.cache)).exists():
            command = [sys.executable, "-m", "jobs.hadoop", "down", "--dir", str(home)]
            subprocess.run(command, cwd=ROOT, capture_output=True, check=True)


@pytest.fixture
def sandbox(
    request: pytest.FixtureRequest, sandboxes: dict[Path, Sandbox], tmp_path_factory: pytest.TempPathFactory
) -> Sandbox:
    """The page's copy of the project, with what the block at hand needs."""
    block: Block = request.getfixturevalue("block")
    data = request.getfixturevalue("shared_data") if "shared_data" in block.needs else None
    if block.page not in sandboxes:
        sandboxes[block.page] = Sandbox.create(tmp_path_factory.mktemp(block.page.stem))
    found = sandboxes[block.page]
    if data is not None:
        found.lend(data)
    if "s3" in block.needs:
        found.environ.update(request.getfixturevalue("lake"))
    if "emr" in block.needs:
        bundles = cache_folder() / "emr-bundles"
        bundles.mkdir(parents=True, exist_ok=True)
        found.environ.update(request.getfixturevalue("rehearsal"))
        found.lend_cache(bundles)
    if "hadoop" in block.needs:
        need_hadoop()
        found.lend_cache(jars.resolve(cache_folder(), lambda text: None))
    return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An S3 server whose bucket `lake` holds the sample logs below readings/; yields what leads clients to it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    home = tmp_path_factory.mktemp("aws")
    environ = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(home / "config"),
    }
    try:
        _fill(environ)
        yield environ
    finally:
        server.stop()


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[dict[str, str]]:
    """A rehearsal of Amazon EMR, started as its page says; yields what leads clients to it."""
    with emr_rehearsal("--lake", str(ROOT / "sample_data")) as server:
        yield dict(server.environ)


def _fill(environ: dict[str, str]) -> None:
    """A bucket `lake` with the sample logs below readings/."""
    upload = (
        "import boto3, pathlib\n"
        "s3 = boto3.client('s3')\n"
        "s3.create_bucket(Bucket='lake')\n"
        "for path in pathlib.Path('sample_data').rglob('*'):\n"
        "    if path.is_file():\n"
        "        s3.upload_file(str(path), 'lake', f'readings/{path.relative_to(\"sample_data\")}')\n"
    )
    subprocess.run([sys.executable, "-c", upload], cwd=ROOT, env=os.environ | environ, check=True)


@pytest.mark.parametrize("block", [_parameter(block) for block in BLOCKS])
def test_commands_print_what_the_page_shows(block: Block, sandbox: Sandbox) -> None:
    printed = sandbox.run(block, limit=600.0 if "slow" in block.needs else 120.0)
    for number, result in enumerate(printed):
        where = f"{block.page.name}:{result.command.line}: $ {result.command.text}"
        output = "\n".join(result.lines)
        if not expects_failure(block, number):
            assert result.status == 0, f"{where}\nexit status {result.status}\n{output}"
        if result.command.shown:
            shown = [masked(line) for line in result.command.shown]
            actual = [masked(line, sandbox.folder) for line in result.lines]
            difference = "\n".join(difflib.unified_diff(shown, actual, "page", "printed", lineterm=""))
            assert agrees(shown, actual), f"{where}\n{difference}"
    assert len(printed) == len(block.commands), "the shell ended before the last command of the block"


def test_few_blocks_are_not_run() -> None:
    left_out = [f"{block.name}: {block.not_run}" for block in BLOCKS if block.not_run]
    assert len(left_out) <= NOT_RUN_LIMIT, left_out


def test_every_block_of_commands_is_a_console_block() -> None:
    """A command in a plain block would look run and not be."""
    for page in pages():
        found = sum(line.startswith("$ ") for line in page.read_text("utf-8").splitlines())
        assert found == sum(len(block.commands) for block in blocks(page) if block.kind == "console"), page
