"""Patterns over paths and keys: `*`, `?` and `[…]` within a name, `**` over any number of folders."""

from __future__ import annotations

import re

_MAGIC = re.compile(r"[*?\[]")


def has_magic(text: str) -> bool:
    """Whether the text is a pattern."""
    return _MAGIC.search(text) is not None


def literal_prefix(pattern: str) -> str:
    """What every match begins with."""
    found = _MAGIC.search(pattern)
    return pattern[: found.start()] if found else pattern


def name_pattern(glob: str) -> re.Pattern[str]:
    """The expression of a pattern for one name: as in a shell, a leading dot must be written out."""
    hidden = "" if glob.startswith(".") else r"(?!\.)"
    return re.compile(f"{hidden}{_translated(glob)}", re.DOTALL)


def key_pattern(glob: str) -> re.Pattern[str]:
    """The expression of a pattern for keys: what it matches and all below; with a `/` at its end, all below alone."""
    *folders, last = glob.split("/")
    parts = [r"(?:[^/]+/)*" if name == "**" else f"{_translated(name)}/" for name in folders]
    if last == "**":
        parts.append(r".+")
    elif last:
        parts.append(rf"{_translated(last)}(?:/.*)?")
    else:
        parts.append(r".+")
    return re.compile("".join(parts), re.DOTALL)


def _translated(glob: str) -> str:
    """A pattern without folders as a regular expression."""
    out: list[str] = []
    at = 0
    while at < len(glob):
        char = glob[at]
        at += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[" and (end := _class_end(glob, at)) is not None:
            inner = glob[at:end]
            negated = inner.startswith(("!", "^"))
            out.append(_character_class(inner[negated:], negated))
            at = end + 1
        else:
            out.append(re.escape(char))
    return "".join(out)


def _class_end(glob: str, at: int) -> int | None:
    """Where the `]` of a class stands whose first character is at `at`; None for a `[` that begins none."""
    first = at + (glob[at : at + 1] in ("!", "^"))
    end = glob.find("]", first + 1)
    return None if end < 0 else end


def _character_class(inner: str, negated: bool) -> str:
    """`[…]`, where a range that runs backwards matches nothing."""
    out: list[str] = []
    at = 0
    while at < len(inner):
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            if inner[at] <= inner[at + 2]:
                out.append(f"{re.escape(inner[at])}-{re.escape(inner[at + 2])}")
            at += 3
        else:
            out.append(re.escape(inner[at]))
            at += 1
    if not out:
        return "[^/]" if negated else r"(?!)"
    return f"(?!/)[{'^' if negated else ''}{''.join(out)}]"
