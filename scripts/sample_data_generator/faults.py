"""What goes wrong in real logs, injected on purpose and written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scripts.sample_data_generator.draw import DAY_MS, Int64Array, Lines, Spec

KINDS = ("bad_lines", "duplicates", "out_of_order", "gaps", "clock_jumps", "concatenated", "truncated")
WINDOWS = (("gap", 0), ("gap", 0), ("gap", 0), ("clock_jump", 3_600_000), ("clock_jump", -DAY_MS))
LINE_KINDS = ("duplicate", "out_of_order")

Entry = dict[str, str | int | None]

BAD_PER_MILLION = 2_000
DUPLICATES_PER_MILLION = 1_000
LATE_PER_MILLION = 1_000
LATE_LINES = 400


@dataclass(slots=True)
class _Window:
    """A device's gap or clock jump: the lines it touches have from ≤ time < to, before the shift."""

    kind: str
    device: int
    begin: int
    end: int
    shift: int = 0
    lines: int = 0


class Faults:
    """Injects the given kinds into a spec's lines, in the order drawn; `ledger` says what was done.

    Ledger entries: `kind` and, where they apply, `object`, `offset` (bytes before compression), `line` (1-based, the
    header counts), `reason` and `column` (bad lines), `device_id`, `from` and `to` (ms since 1970-01-01 UTC), `shift`
    (ms), `lines` (how many were dropped, shifted or lost).
    """

    def __init__(self, spec: Spec, kinds: frozenset[str]) -> None:
        self.spec, self.kinds = spec, kinds
        self.ledger: list[Entry] = []
        self._bits = np.random.PCG64([spec.seed, 1])
        self._windows = [
            self._window(kind, device, shift) for device, (kind, shift) in enumerate(WINDOWS) if kind + "s" in kinds
        ]

    def apply(self, lines: Lines) -> tuple[Lines, Int64Array]:
        """The lines with gaps, jumps, late and repeated lines, and for each 0 or 1 + the index of its LINE_KINDS."""
        for window in self._windows:
            hit = (lines.device == window.device) & (lines.time >= window.begin) & (lines.time < window.end)
            window.lines += int(hit.sum())
            if window.kind == "gap":
                lines = lines.take(~hit)
            else:
                lines.time = lines.time + np.where(hit, window.shift, 0)
        chance = self._chance(len(lines))
        mark = np.zeros(len(lines), np.int64)
        if "out_of_order" in self.kinds:
            late = chance[:, 0] < LATE_PER_MILLION
            order = np.argsort(np.arange(len(lines)) + np.where(late, LATE_LINES, 0), kind="stable")
            mark[late] = 1 + LINE_KINDS.index("out_of_order")
            lines, mark, chance = lines.take(order), mark[order], chance[order]
        if "duplicates" in self.kinds:
            twice = chance[:, 1] < DUPLICATES_PER_MILLION
            copies = np.repeat(np.arange(len(lines)), 1 + twice)
            second = np.append(False, copies[1:] == copies[:-1])
            mark = np.where(second, 1 + LINE_KINDS.index("duplicate"), mark[copies])
            lines = lines.take(copies)
        return lines, mark

    def bad_places(self, count: int) -> Int64Array:
        """Before which of `count` lines a bad one is put."""
        if "bad_lines" not in self.kinds:
            return np.empty(0, np.int64)
        return np.flatnonzero(self._chance(count)[:, 0] < BAD_PER_MILLION)

    def finish(self) -> list[Entry]:
        """The ledger, with the gaps and jumps."""
        ids = self.spec.device_ids()
        for window in self._windows:
            entry: Entry = {"kind": window.kind, "device_id": ids[window.device], "lines": window.lines}
            entry |= {"from": window.begin, "to": window.end}
            self.ledger.append(entry | ({"shift": window.shift} if window.shift else {}))
        return self.ledger

    def _window(self, kind: str, device: int, shift: int) -> _Window:
        begin = int(self._bits.random_raw()) >> 16
        span = self.spec.days * DAY_MS
        begin = self.spec.start_ms + begin % (span - span // 8)
        return _Window(kind, device % self.spec.devices, begin, begin + span // 8, shift)

    def _chance(self, count: int) -> npt.NDArray[np.uint32]:
        """Two numbers below a million for each line."""
        return self._bits.random_raw(count).view(np.uint32).reshape(count, 2) % np.uint32(1_000_000)
