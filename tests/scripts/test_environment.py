"""The environment that the two commands make."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.requirements import CORE
from scripts import environment
from scripts.environment import ROOT, Environment, SetupError, clean_environ


def test_an_unfinished_environment_has_no_stamp(tmp_path: Path) -> None:
    made = Environment(tmp_path)
    assert made.stamp() == {}
    made.write_stamp(python="3.11.7")
    made.write_stamp(extras=["dev"])
    assert made.stamp() == {"python": "3.11.7", "extras": ["dev"]}
    (tmp_path / "sensor-jobs.json").write_text('{"python": "3.1', "utf-8")
    assert made.stamp() == {}


def test_foreign_settings_do_not_lead_pip_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    assert not {"PIP_USER", "PYTHONPATH"} & set(clean_environ())
    assert "PATH" in clean_environ()


def _imported_pip(made: Environment) -> str:
    return made.run("-c", "import pip; print(pip.__file__)").stdout


@pytest.mark.slow
def test_an_environment_is_made_without_ensurepip(tmp_path: Path) -> None:
    """As on Debian without python3-venv: the interpreter's own pip, or a wheel of it, takes its place."""
    made = Environment(tmp_path / "env")
    assert environment._with_borrowed_pip(made, environment._base()) is None
    assert str(tmp_path) in _imported_pip(made)


@pytest.mark.slow
def test_a_finished_environment_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    installed: list[tuple[str, ...]] = []
    monkeypatch.setattr(environment, "pip", lambda made, *packages: installed.append(packages))

    made = environment.prepare(folder=tmp_path / "env", kernel=False)
    assert len(installed) == 1
    assert "Python" in capsys.readouterr().out

    environment.prepare(folder=tmp_path / "env", kernel=False)
    assert len(installed) == 1
    assert capsys.readouterr().out == ""

    monkeypatch.setattr(environment, "CORE", [*CORE, "one-more"])
    environment.prepare(folder=tmp_path / "env", kernel=False)
    assert len(installed) == 2
    assert "one-more" in installed[-1]
    assert made.stamp()["root"] == str(tmp_path)


def test_pip_says_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    here = Environment(Path(sys.prefix))
    with pytest.raises(SetupError) as caught:
        environment.pip(here, "no-such-package-anywhere")
    assert "No matching distribution" in str(caught.value)
    assert "Then run this command again" in str(caught.value)


@pytest.mark.parametrize("script", ["demo.py", "test.py"])
def test_an_older_python_is_told_in_one_line(script: str) -> None:
    """The version is checked before anything that an older Python could not read or import."""
    program = (
        "import runpy, sys; sys.version_info = (3, 8, 10, 'final', 0); sys.modules['scripts'] = None; "
        f"runpy.run_path({str(ROOT / 'scripts' / script)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == f"Needs Python 3.11 or newer, this is 3.8. Try: python3.11 scripts/{script}"


@pytest.mark.parametrize("script", ["demo.py", "test.py"])
def test_the_commands_hold_no_syntax_of_newer_pythons(script: str) -> None:
    import ast

    ast.parse((ROOT / "scripts" / script).read_text("utf-8"), feature_version=(3, 6))


def test_what_the_demo_says_to_try_next_works() -> None:
    from scripts.demo import NEXT

    for command, _ in NEXT:
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {sys.executable} {command}"],
            cwd=ROOT,
            env=os.environ | {"COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout, command
        assert "Traceback" not in done.stderr, command


def test_the_stamp_is_json(tmp_path: Path) -> None:
    Environment(tmp_path).write_stamp(python="3.11.7")
    assert json.loads((tmp_path / "sensor-jobs.json").read_text("utf-8")) == {"python": "3.11.7"}
