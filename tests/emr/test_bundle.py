"""What nodes install: built, staged in a bucket, and installed by the script in a place that knows nothing of us."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs.emr import bundle, wheel
from jobs.emr.bundle import Bundle
from jobs.engine.cache import cache_folder
from jobs.errors import JobError, UsageError
from scripts import aws_cli
from tests.servers import S3Server

ROOT = Path(__file__).resolve().parent.parent.parent
MACHINES = {"x86_64": 62, "aarch64": 183}
"""Numbers of processors in an ELF header."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bundle")]


@pytest.fixture(scope="session")
def bundles() -> Path:
    """The folder where bundles are kept from one test run to the next."""
    return cache_folder() / "emr-bundles"


@pytest.fixture(scope="session")
def own_bundle(bundles: Path) -> Bundle:
    """What nodes of this machine's processor install."""
    machine = platform.machine().lower()
    if platform.system() != "Linux" or machine not in bundle.ARCHITECTURES:
        pytest.skip(f"no node of EMR is a {platform.system()} {machine}")
    return bundle.build(bundles, machine)


@pytest.fixture(scope="session")
def aws() -> Path:
    """The folder of the real `aws` command."""
    return aws_cli.folder()


@pytest.mark.parametrize("architecture", bundle.ARCHITECTURES)
def test_a_bundle_is_for_its_processor(architecture: str, bundles: Path) -> None:
    made = bundle.build(bundles, architecture)
    wheels = {path.name.split("-")[0]: path for path in made.path.glob("*.whl")}
    assert {"sensor_jobs", "mrjob", "numpy", "pyarrow", "boto3", "zstandard", "pandas"} <= wheels.keys()
    assert "pyspark" not in wheels
    for path in wheels.values():
        assert re.search(rf"manylinux[\w.]*_{architecture}\.whl|-none-any\.whl", path.name), path.name
    with zipfile.ZipFile(wheels["sensor_jobs"]) as archive:
        kernel = archive.read("jobs/kernel/_kernel.so")
        names = set(archive.namelist())
    assert (kernel[:4], struct.unpack_from("<H", kernel, 18)[0]) == (b"\x7fELF", MACHINES[architecture])
    needed = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"GLIBC_([\d.]+)", kernel)}
    assert max(needed, default=(0,)) <= (2, 17)
    tracked = subprocess.run(["git", "ls-files", "jobs"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert [name for name in tracked.stdout.split() if name not in names] == []


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_its_requirements_name_each_wheel(own_bundle: Bundle) -> None:
    *others, last = own_bundle.files
    assert last.name == bundle.REQUIREMENTS
    hashes = re.findall(r"^\S+==\S+ --hash=sha256:(\w{64})$", last.read_text("utf-8"), re.MULTILINE)
    wheels = [path for path in others if path.suffix == ".whl"]
    assert sorted(hashes) == sorted(map(_digest, wheels))
    assert len(hashes) == len(last.read_text("utf-8").splitlines())


def test_it_is_made_once_and_its_wheel_is_reproducible(own_bundle: Bundle, bundles: Path, tmp_path: Path) -> None:
    before = own_bundle.path.stat().st_mtime_ns
    assert bundle.build(bundles, own_bundle.path.name.rpartition("-")[0]) == own_bundle
    assert own_bundle.path.stat().st_mtime_ns == before
    wheel.write(tmp_path, own_bundle.path.name.rpartition("-")[0])
    (again,) = tmp_path.iterdir()
    assert _digest(again) == _digest(own_bundle.path / again.name)


def test_another_processor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        bundle.build(tmp_path, "riscv64")
    assert str(caught.value) == "riscv64: is no processor of nodes; choose from x86_64, aarch64"


def test_without_the_index_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(wheel, "write", lambda folder, architecture: ["numpy"])
    with pytest.raises(JobError) as caught:
        bundle.build(tmp_path, "x86_64")
    fix = "the package index must be reachable (HTTPS_PROXY, PIP_INDEX_URL; or PIP_FIND_LINKS and PIP_NO_INDEX=1)"
    assert re.fullmatch(rf"pip download: (?!ERROR)[^;]*\bnumpy\b[^;]*; {re.escape(fix)}", str(caught.value))
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_fails_is_told_by_what_it_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "  ModuleNotFoundError: No module named x\\n  note: This error originates from a subprocess."
    monkeypatch.setattr(wheel, "PIP", (sys.executable, "-c", f"raise SystemExit('{said}')"))
    with pytest.raises(JobError) as caught:
        wheel.pip("wheel")
    assert str(caught.value) == (
        "pip wheel: ModuleNotFoundError: No module named x; pip's environment cannot build it; run pip wheel on it to"
        " see all"
    )


@pytest.mark.s3
def test_staging_puts_only_what_is_missing(own_bundle: Bundle, s3: S3Server) -> None:
    client = s3.client()
    client.create_bucket(Bucket="lake")
    uri = bundle.stage(own_bundle, "s3://lake/.sensor-jobs/")
    assert uri == f"s3://lake/.sensor-jobs/packages/{own_bundle.digest}"
    listed = {found["Key"]: found for found in client.list_objects_v2(Bucket="lake")["Contents"]}
    prefix = f".sensor-jobs/packages/{own_bundle.digest}/"
    assert {key: found["Size"] for key, found in listed.items()} == {
        prefix + path.name: path.stat().st_size for path in own_bundle.files
    }
    client.delete_object(Bucket="lake", Key=prefix + bundle.REQUIREMENTS)
    assert bundle.stage(own_bundle, "s3://lake/.sensor-jobs") == uri
    again = {found["Key"]: found for found in client.list_objects_v2(Bucket="lake")["Contents"]}
    kept = [key for key in listed if not key.endswith(bundle.REQUIREMENTS)]
    assert [again[key]["LastModified"] for key in kept] == [listed[key]["LastModified"] for key in kept]
    assert again.keys() == listed.keys()


@pytest.mark.s3
def test_staging_into_a_missing_bucket_says_so(own_bundle: Bundle, s3: S3Server) -> None:
    with pytest.raises(JobError) as caught:
        bundle.stage(own_bundle, "s3://nowhere")
    assert str(caught.value) == (
        f"s3://nowhere/packages/{own_bundle.digest}: there is no bucket nowhere; check its name, and that the "
        "credentials are of the right account"
    )


class Node:
    """A folder that stands for a node: what a bootstrap action finds there, and nothing of this checkout."""

    def __init__(self, folder: Path, s3: S3Server, *tools: Path) -> None:
        self.folder = folder
        self.home = folder / "opt" / "sensor-jobs"
        path = ":".join(map(str, tools))
        self.environ = {**s3.environ, "PATH": path, "HOME": str(folder), "JOBS_EMR_HOME": str(self.home)}

    def run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, command)), cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )

    def bootstrap(self, uri: str) -> tuple[int, str, str]:
        """Status, output and the last line of the errors."""
        done = self.run("/bin/sh", "bootstrap.sh", uri)
        return done.returncode, done.stdout, (done.stderr.splitlines() or [""])[-1]


@pytest.fixture
def node(tmp_path: Path, s3: S3Server, aws: Path) -> Node:
    """An empty node, whose script was fetched as EMR fetches it."""
    tools = tmp_path / "bin"
    tools.mkdir()
    base = Path(sys.base_prefix) / "bin" / "python3.11"
    if not base.is_file():
        pytest.skip("this Python is not 3.11")
    (tools / "python3.11").symlink_to(base)
    (tools / "aws").symlink_to(aws / "aws")  # alone, for its environment has a Python too
    for name in ("cat", "chmod", "id", "install", "mkdir", "mktemp", "rm", "sh"):
        (tools / name).symlink_to(str(shutil.which(name)))
    node = Node(tmp_path, s3, tools)
    shutil.copy(ROOT / "jobs" / "emr" / bundle.SCRIPT, tmp_path)
    return node


@pytest.mark.s3
def test_a_node_installs_it_and_runs_a_job(own_bundle: Bundle, s3: S3Server, node: Node) -> None:
    s3.client().create_bucket(Bucket="lake")
    uri = bundle.stage(own_bundle, "s3://lake/.sensor-jobs")
    script, *arguments = bundle.bootstrap_action(uri).split()
    assert node.run("aws", "s3", "cp", "--only-show-errors", script, "fetched.sh").returncode == 0
    first = node.run("/bin/sh", "fetched.sh", *arguments)
    assert (first.returncode, first.stdout, first.stderr) == (0, f"sensor-jobs: installed in {node.home}\n", "")
    assert node.bootstrap(uri) == (0, f"sensor-jobs: {node.home} is up to date\n", "")

    python = node.home / "bin" / "python"
    where = node.run(python, "-c", "import sys, jobs; print(jobs.__file__, *sys.path)")
    assert str(ROOT) not in where.stdout
    assert where.stdout.startswith(str(node.home))
    shutil.copytree(ROOT / "sample_data", node.folder / "sample_data")
    command = ["-m", "jobs.daily_stats", "sample_data/", "--quiet"]
    on_node = node.run(python, *command)
    here = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True
    )
    assert on_node.returncode == 0, on_node.stderr
    assert on_node.stdout == here.stdout != ""


@pytest.mark.s3
def test_what_fails_on_a_node_is_told_in_one_line(own_bundle: Bundle, s3: S3Server, node: Node) -> None:
    client = s3.client()
    client.create_bucket(Bucket="lake")
    assert node.bootstrap("nonsense") == (
        1,
        "",
        "sensor-jobs: 'nonsense' is no folder of packages; the first argument is s3://BUCKET/PREFIX/packages/DIGEST",
    )
    assert node.bootstrap("s3://nowhere/packages/0") == (
        1,
        "",
        "sensor-jobs: cannot fetch s3://nowhere/packages/0: the node's role needs s3:ListBucket and s3:GetObject on it",
    )
    assert node.bootstrap("s3://lake/packages/0") == (
        1,
        "",
        "sensor-jobs: s3://lake/packages/0 holds no packages, or was not staged to its end",
    )
    uri = bundle.stage(own_bundle, "s3://lake")
    tampered = next(path for path in own_bundle.files if path.name.startswith("tqdm-"))
    key = f"packages/{own_bundle.digest}/{tampered.name}"
    client.put_object(Bucket="lake", Key=key, Body=tampered.read_bytes() + b" ")
    assert node.bootstrap(uri) == (
        1,
        "",
        f"sensor-jobs: the packages of {uri} cannot be installed in {node.home}",
    )
    assert not (node.home / "staged-from").exists()
    (node.folder / "bin" / "python3.11").unlink()
    assert node.bootstrap(uri) == (1, "", "sensor-jobs: python3.11 is missing, and dnf cannot install it")


@pytest.mark.full
@pytest.mark.s3
def test_a_node_that_lost_its_kernel_is_set_up_again(own_bundle: Bundle, s3: S3Server, node: Node) -> None:
    s3.client().create_bucket(Bucket="lake")
    uri = bundle.stage(own_bundle, "s3://lake")
    assert node.bootstrap(uri)[0] == 0
    (kernel,) = node.home.glob("lib/python3.11/site-packages/jobs/kernel/_kernel.so")
    kernel.unlink()
    assert node.bootstrap(uri) == (0, f"sensor-jobs: installed in {node.home}\n", "")
    assert kernel.is_file()
    node.environ["JOBS_KERNEL"] = "off"
    assert node.bootstrap(uri) == (1, "", f"sensor-jobs: what was installed in {node.home} does not run")
