"""Commands on a terminal: what stands there, what is answered, and Ctrl-C."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.outcomes.commands import DAILY, command, environment

_SIZE = (24, 100)


@dataclass
class Terminal:
    """A command's standard input and errors. shown: all that has stood there so far."""

    process: subprocess.Popen[bytes]
    _number: int
    shown: bytes = b""

    def until(self, pattern: bytes) -> None:
        """Wait until what is shown has this."""
        while not re.search(pattern, self.shown):
            more = self._read()
            assert more, self.shown.decode()
            self.shown += more

    def answer(self, text: bytes) -> None:
        os.write(self._number, text)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def status(self, seconds: float = 120) -> int:
        """The exit status, once all is read."""
        while more := self._read():
            self.shown += more
        return self.process.wait(seconds)

    def _read(self) -> bytes:
        with suppress(OSError):  # the other side is closed
            return os.read(self._number, 4096)
        return b""


@contextmanager
def terminal(
    folder: Path,
    *arguments: object,
    module: str = DAILY,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | int = subprocess.DEVNULL,
) -> Iterator[Terminal]:
    """`python -m MODULE ARGUMENTS` in `folder`, on a terminal but for its standard output."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, _SIZE)
    try:
        with subprocess.Popen(
            command(*arguments, module=module),
            cwd=folder,
            env=environment(env),
            stdin=theirs,
            stdout=output,
            stderr=theirs,
            start_new_session=True,
            # a job in the background inherits an ignored SIGINT
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
        ) as process:
            os.close(theirs)
            try:
                yield Terminal(process, ours)
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        os.close(ours)
