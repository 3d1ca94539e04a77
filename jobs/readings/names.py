"""What names in a folder of logs say: which may be those of log objects, and which is a dialect's."""

from __future__ import annotations

import re

MARKER = "_dialect.toml"
"""A dialect file of this name speaks for the objects in its folder and below, where --dialect is not given."""

_NO_LOG = re.compile(
    r"[._].*"
    r"|(readme|licen[sc]e|changelog|notice|copying)([._-].*)?"
    r"|.*\.(crc|md|md5|rst|sha1|sha256|asc|sig|toml|py|pyc|ipynb|sh|sql|html|htm|css|js|pdf|tmp|lock)",
    re.IGNORECASE | re.DOTALL,
)


def is_log_name(name: str) -> bool:
    """Whether a name found in a listing may be that of a log object, or of a folder of them.

    Names that begin with `.` or `_` (markers, work in progress) and names of papers, checksums and programs may not.
    An object that the user names is taken whatever its name.
    """
    return _NO_LOG.fullmatch(name) is None
