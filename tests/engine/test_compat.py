"""Stand-ins for modules: they serve mrjob, and nobody else sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SEEN = """
import jobs.engine.job, sys
print("yaml" in sys.modules, "urllib.request" in sys.modules)
import urllib.request, yaml, mrjob.conf, mrjob.py2
print(callable(yaml.safe_load), callable(urllib.request.Request))
print(mrjob.py2.pathname2url("/a b"), mrjob.conf._conf_object_at_path(sys.argv[1]))
"""


def test_mrjob_reads_yaml_when_it_must_and_others_import_the_real_modules(tmp_path: Path) -> None:
    conf = tmp_path / "conf"
    conf.write_text("runners:\n  local:\n    num_cores: 3\n")
    command = [sys.executable, "-c", SEEN, str(conf)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seen = ["False False", "True True", "/a%20b {'runners': {'local': {'num_cores': 3}}}"]
    assert done.stdout.splitlines() == seen
