"""Local files: what an input names, reads that notice a change, and messages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InputError, UsageError
from jobs.lake import globs, storage
from jobs.lake.storage import ObjectInfo

FILES = [
    "logs/dt=2026-03-01/a.csv",
    "logs/dt=2026-03-01/b [1].csv",
    "logs/dt=2026-03-02/a.csv.gz",
    "logs/dt=2026-03-10/deep/x.csv",
    "logs/_SUCCESS",
    "logs/_temporary/part.csv",
    "logs/.hidden.csv",
    "top.csv",
]


def _accept(name: str) -> bool:
    return not name.startswith(("_", "."))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _message(spec: str) -> str:
    with pytest.raises(InputError) as refused:
        storage.expand(spec, _accept)
    return str(refused.value)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("top.csv", ["top.csv"]),
        ("./top.csv", ["./top.csv"]),
        ("logs", FILES[:4]),
        ("logs/", FILES[:4]),
        ("logs/dt=2026-03-01/b [1].csv", FILES[1:2]),
        ("logs/dt=2026-03-01/b [[]1].csv", FILES[1:2]),
        ("logs/dt=2026-03-0?", FILES[:3]),
        ("logs/dt=2026-03-0?/", FILES[:3]),
        ("logs/*/*.csv", FILES[:2]),
        ("logs/**/*.csv", [FILES[0], FILES[1], FILES[3]]),
        ("logs/**", FILES[:4]),
        ("**/x.csv", FILES[3:4]),
        ("*", [*FILES[:4], "top.csv"]),
        ("*.csv", ["top.csv"]),
        ("logs/_SUCCESS", ["logs/_SUCCESS"]),
        ("logs/.hidden.csv", ["logs/.hidden.csv"]),
        ("logs/dt=2026-03-[01][!1]", [FILES[2], FILES[3]]),
    ],
)
def test_what_an_input_names(tree: Path, spec: str, found: list[str]) -> None:
    infos = storage.expand(spec, _accept)
    assert [info.uri for info in infos] == found
    for info in infos:
        assert storage.read_text(info) == os.path.normpath(info.uri)
        assert info.path == str(tree / os.path.normpath(info.uri))


def test_tasks_find_relative_files_from_elsewhere(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [info] = storage.expand("top.csv", _accept)
    monkeypatch.chdir("/")
    assert storage.read_text(info) == "top.csv"
    with storage.open_seekable(info) as file:
        assert file.read() == b"top.csv"


def test_absolute_paths_and_file_uris(tree: Path) -> None:
    assert [i.uri for i in storage.expand(str(tree / "top.csv"), _accept)] == [str(tree / "top.csv")]
    assert [i.uri for i in storage.expand(f"file://{tree}/logs/dt%3D2026-03-02", _accept)] == [
        f"{tree}/logs/dt=2026-03-02/a.csv.gz"
    ]


def test_what_is_not_there(tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "only_hidden").mkdir()
    (tree / "only_hidden" / "_x").write_text("")
    os.mkfifo(tree / "pipe")
    (tree / "dangling").mkdir()
    (tree / "dangling" / "x.csv").symlink_to("nowhere")
    passed_over = "no log files in it; names that begin with . or _ are passed over"
    assert _message("nope.csv") == "nope.csv: no such file or directory; check the name"
    assert _message("nope/*.csv") == "nope/*.csv: no file matches; check the pattern; quote it against the shell"
    assert _message("logs/*.jsonl") == "logs/*.jsonl: no file matches; check the pattern; quote it against the shell"
    assert _message("empty") == f"empty: {passed_over}"
    assert _message("only_hidden/") == f"only_hidden/: {passed_over}"
    assert _message("pipe") == "pipe: is a pipe; pass it as standard input: `- < pipe`"
    assert _message("dangling") == "dangling/x.csv: a symbolic link to nothing; remove it"
    with pytest.raises(UsageError) as unknown:
        storage.expand("gs://bucket/x", _accept)
    assert (
        str(unknown.value) == "gs://bucket/x: there is no storage gs://; use a path or one of file://, s3://, hdfs://"
    )


def test_no_permission(tree: Path) -> None:
    """Root may read everything: the check runs as nobody."""
    (tree / "logs" / "dt=2026-03-01" / "a.csv").chmod(0)
    (tree / "logs" / "dt=2026-03-02").chmod(0)
    program = """
import os, sys
from jobs.errors import InputError
from jobs.lake import local, storage
if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)
for spec in ("logs/dt=2026-03-01/a.csv", "logs"):
    try:
        for info in storage.expand(spec, lambda name: True): storage.read_bytes(info)
    except InputError as error: print(error)
"""
    for folder in (tree, *tree.parents[:2]):
        folder.chmod(0o755)  # pytest keeps its folders to their owner
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    for path in (tree / "logs" / "dt=2026-03-01" / "a.csv", tree / "logs" / "dt=2026-03-02"):
        path.chmod(0o755)
    told = "no permission to read it; ask its owner, or leave it out of the input"
    assert done.stdout.splitlines() == [f"logs/dt=2026-03-01/a.csv: {told}", f"logs/dt=2026-03-02: {told}"]


def test_links_are_followed_once(tree: Path) -> None:
    (tree / "logs" / "latest").symlink_to("dt=2026-03-02")
    (tree / "logs" / "dt=2026-03-02" / "up").symlink_to("..")
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "y.csv").write_text("")
    (tree / "logs" / "zz").symlink_to(tree / "elsewhere")
    assert [info.uri for info in storage.expand("logs", _accept)] == [*FILES[:4], "logs/zz/y.csv"]
    assert "logs/latest/a.csv.gz" in [info.uri for info in storage.expand("logs/latest", _accept)]


@pytest.mark.parametrize("change", ["longer", "shorter", "rewritten", "touched"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, change: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a" * 100_000)
    os.utime(path, ns=(1, 1))
    [info] = storage.expand(str(path), _accept)

    def alter() -> None:
        if change == "touched":
            os.utime(path)
        else:
            path.write_bytes(b"b" * {"longer": 100_001, "shorter": 99_999, "rewritten": 100_000}[change])

    expected = f"{path}: changed while it was read; run again when nothing writes to it any more"
    with pytest.raises(InputError) as changed, storage.open_range(info) as reader:
        reader.readinto(memoryview(bytearray(1000)))
        alter()
    assert str(changed.value) == expected
    with pytest.raises(InputError) as changed:
        storage.open_range(info, 10)
    assert str(changed.value) == expected
    with pytest.raises(InputError), storage.open_seekable(info) as file:
        file.read()


def test_a_change_does_not_hide_an_interruption(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"a")
    [info] = storage.expand(str(path), _accept)
    with pytest.raises(KeyboardInterrupt), storage.open_range(info):
        path.write_bytes(b"ab")
        raise KeyboardInterrupt


def test_ranges_give_the_bytes(tmp_path: Path) -> None:
    data = os.urandom(10_000)
    (tmp_path / "x").write_bytes(data)
    [info] = storage.expand(str(tmp_path / "x"), _accept)
    for start, end in [(0, None), (1, 2), (5000, 7000), (9999, None), (10_000, None), (9000, 20_000)]:
        with storage.open_range(info, start, end) as reader:
            taken = bytearray(11_000)
            filled = 0
            while count := reader.readinto(memoryview(taken)[filled : filled + 999]):
                filled += count
        assert taken[:filled] == data[start:end]
        assert reader.bytes_read == filled


def test_text_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_bytes(b"a = '\xff'")
    [info] = storage.expand(str(tmp_path / "x.toml"), _accept)
    with pytest.raises(InputError, match=r"x\.toml: byte 5 is not UTF-8; save the file as UTF-8$"):
        storage.read_text(info)


def test_standard_input() -> None:
    program = (
        "from jobs.lake import storage; [info] = storage.expand('-', bool);"
        "reader = storage.open_range(info); b = bytearray(99); n = reader.readinto(memoryview(b)); print(b[:n], n)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"abc", capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout == b"bytearray(b'abc') 3\n"
    with pytest.raises(InputError, match=r"^standard input: Parquet cannot be read from a stream; save it to a file"):
        storage.open_seekable(ObjectInfo("-", 0))


_names = st.text("ab-[]!^*?.", min_size=1, max_size=6)


@given(_names, _names)
def test_patterns_match_as_pythons_own(glob: str, name: str) -> None:
    import fnmatch

    usual = glob.replace("[^", "[!")
    if "^" in glob or ("[" in glob and "]" not in glob):
        return
    expected = fnmatch.fnmatchcase(name, usual) and (glob.startswith(".") or not name.startswith("."))
    assert (globs.name_pattern(glob).fullmatch(name) is not None) == expected
