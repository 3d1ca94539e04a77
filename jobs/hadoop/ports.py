"""Ports that servers on this machine can listen on."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

from jobs.errors import JobError

HOST = "127.0.0.1"
_FIRST, _END = 10_000, 32_768  # below those that systems give to connections, which may take one at any moment
_TRIES = 100


def free_ports(count: int) -> list[int]:
    """So many ports in a row that nothing listens on now. Raises JobError where none are found.

    In a row, so that two programs that choose at the same time seldom meet.
    """
    for _ in range(_TRIES):
        first = random.randrange(_FIRST, _END - count)  # noqa: S311 (no secret)
        ports = list(range(first, first + count))
        if _are_free(ports):
            return ports
    raise JobError(f"no {count} free ports in a row were found from {_FIRST} to {_END - 1} on {HOST}")


def _are_free(ports: list[int]) -> bool:
    with ExitStack() as held:
        for port in ports:
            try:
                held.enter_context(socket.socket()).bind((HOST, port))
            except OSError:
                return False
    return True
