"""The reader of documentation's commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.console import Block, Sandbox, agrees, blocks, masked

PAGE = """# Title

```console
$ printf 'a\\nb\\n' \\
>   | cat
a
b

$ false
$ echo $?
1
```

<!-- not run: it needs a cluster -->
```console
$ hadoop version
```

<!-- needs: spark, s3 -->

```console
$ echo both
```

```python
$ not a command
```
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE, "utf-8")
    return path


def test_a_here_document_goes_on_to_its_end(page: Path) -> None:
    page.write_text("```console\n$ cat <<'END'\n> a\n>\n> b\n> END\na\n\nb\n```\n", "utf-8")
    (command,) = blocks(page)[0].commands
    assert (command.text, command.shown) == ("cat <<'END'\na\n\nb\nEND", ("a", "", "b"))


def _run(page: Path, folder: Path, text: str) -> list[tuple[tuple[str, ...], int]]:
    page.write_text(f"```console\n{text}```\n", "utf-8")
    sandbox = Sandbox(folder, {"PATH": "/usr/bin:/bin"})
    return [(result.lines, result.status) for result in sandbox.run(blocks(page)[0], limit=5)]


def test_commands_and_what_they_print_are_found(page: Path) -> None:
    first, second, third = blocks(page)
    assert [(command.text, command.shown, command.line) for command in first.commands] == [
        ("printf 'a\\nb\\n' \\\n  | cat", ("a", "b"), 4),
        ("false", (), 9),
        ("echo $?", ("1",), 10),
    ]
    assert (second.not_run, second.needs) == ("it needs a cluster", ())
    assert (third.not_run, third.needs) == (None, ("spark", "s3"))


def test_a_block_runs_in_one_shell(page: Path, tmp_path: Path) -> None:
    done = _run(page, tmp_path, "$ x=3; echo no newline | tr -d '\\n'\n$ (exit 7)\n$ echo $? $x\n")
    assert done == [(("no newline",), 0), ((), 7), (("7 3",), 0)]


def test_a_here_document_is_part_of_its_command(page: Path, tmp_path: Path) -> None:
    done = _run(page, tmp_path, "$ cat > x <<'END'\n> a\n>\n> > b\n> END\n$ cat x\na\n\n> b\n")
    assert done == [((), 0), (("a", "", "> b"), 0)]


def test_a_shell_that_ends_early_is_noticed(page: Path, tmp_path: Path) -> None:
    assert len(_run(page, tmp_path, "$ echo one\n$ exit 3\n$ echo two\n")) == 1


def test_a_command_that_hangs_is_ended(page: Path, tmp_path: Path) -> None:
    page.write_text("```console\n$ echo before\n$ sleep 60\n```\n", "utf-8")
    results = Sandbox(tmp_path, {"PATH": "/usr/bin:/bin"}).run(blocks(page)[0], limit=0.5)
    assert [(result.lines, result.status) for result in results] == [(("before",), 0), ((), 124)]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        (["a", "…"], ["a", "b", "c"], True),
        (["…", "c"], ["a", "b", "c"], True),
        (["a", "…", "c"], ["a", "c"], True),
        (["a", "…", "c"], ["a", "b"], False),
        (["…"], [], True),
        (["a.c"], ["abc"], False),
    ],
)
def test_output_agrees_up_to_elided_lines(shown: list[str], printed: list[str], same: bool) -> None:
    assert agrees(shown, printed) is same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,234 readings, 0.52 s, 12.3 MB/s", "1,234 readings,  11.4 s,  1.9 GB/s"),
        ("done in 1.5 s (2 cores)", "done in 20 ms (64 cores)"),
        ("daily_stats-20260301T101500Z-4f2a1c9d", "daily_stats-20270101T000000Z-abcdef00"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,234 readings in 3 s", "1,235 readings in 3 s"),
        ("dev-1,temperature,2026-03-01,12.5", "dev-1,temperature,2026-03-01,12.6"),
        ("a  b", "a b"),
    ],
)
def test_answers_are_not_masked(one: str, other: str) -> None:
    assert masked(one) != masked(other)


def test_the_folder_is_masked(tmp_path: Path) -> None:
    assert masked(f"wrote {tmp_path}/out", tmp_path) == "wrote <folder>/out"


def test_python_examples_run_as_doctests(tmp_path: Path, page: Path) -> None:
    import sys

    environ = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    for text, status in ((">>> 'it' + \"s\"\n'its'", 0), (">>> 1 + 1\n3", 1), (">>> list(range(9))\n[0, …, 8]", 0)):
        page.write_text(f"```pycon\n{text}\n```\n", "utf-8")
        (block,) = blocks(page)
        assert isinstance(block, Block)
        assert Sandbox(tmp_path, environ).run(block)[0].status == status
