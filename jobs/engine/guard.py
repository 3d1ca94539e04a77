"""What every command does with errors, interrupts and what cannot be on its command line: one line, and the exit status
that docs/command-line.md says. It imports little, so that small commands start fast."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from jobs.errors import JobError, UsageError, no_room

if TYPE_CHECKING:
    import argparse

INTERRUPTED, TERMINATED = 130, 143


def guarded(command: Callable[[], int]) -> int:
    """Run a command; its exit status, with errors told in one line and interrupts quietly."""
    gc.freeze()  # what is imported stays, and forks share it
    gc.enable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    _open_standard_streams()
    _raise_on_sigterm()
    try:
        status = command()
        sys.stdout.flush()
    except JobError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.status
    except BrokenPipeError:
        _close_output()  # whoever read us has seen enough
        return 0
    except OSError as error:
        if (told := no_room(error)) is None:
            raise
        _close_output()
        print(f"error: {told}", file=sys.stderr)
        return told.status
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def leave(status: int) -> NoReturn:
    """End the process at once, after what other modules want done at its end; tearing Arrow down takes longer than
    many a job. Where something cannot be flushed, or is measured, the usual end."""
    if sys.getprofile() is None and sys.gettrace() is None:
        with suppress(OSError, ValueError):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    sys.exit(status)


def subcommands(
    parser: argparse.ArgumentParser, helps: Mapping[str, str], title: str | None = None
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Adds a parser for each command, by its name and help, for its options; all refuse as every command does."""
    commands = strict(parser).add_subparsers(
        dest="command", metavar="COMMAND", required=True, **({"title": title} if title else {})
    )
    for name, text in helps.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False)
        yield name, strict(command)


def strict(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser, which refuses as every command does."""
    parser.error = refuse  # type: ignore[method-assign]  # a subclass would have argparse be imported
    return parser


def refuse(message: str) -> NoReturn:
    """What argparse's `error` does here: a usage error like any other."""
    raise UsageError(message, fix="--help lists the options")


def _close_output() -> None:
    """Have what is still to be written go nowhere, so that the interpreter does not trip over it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_standard_streams() -> None:
    """Where standard streams are closed, as of a daemon: no file of ours may get their numbers, and print must work."""
    while (number := os.open(os.devnull, os.O_WRONLY)) <= 2:  # reading a closed standard input stays an error
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - to the end of the process


def _raise_on_sigterm() -> None:
    def terminate(number: int, frame: Any) -> NoReturn:
        sys.exit(TERMINATED)

    signal.signal(signal.SIGTERM, terminate)
