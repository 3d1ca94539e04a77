"""Applications on YARN: how a submitting command names one, and how it is ended."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

SUBMITTED = re.compile(r"Submitted application (application_\w+)")


def end(hadoop: Sequence[str], application: str) -> None:
    """End an application, as far as that is possible. hadoop: the hadoop command."""
    command = [*hadoop, "org.apache.hadoop.yarn.client.cli.ApplicationCLI", "application", "-kill", application]
    subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
