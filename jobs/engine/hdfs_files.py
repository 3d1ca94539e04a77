"""mrjob's view of HDFS over WebHDFS: a request each, where mrjob starts a JVM for every `hadoop fs`.

What it means is what the command means. Where WebHDFS does not answer, and for other schemes, the command is used.
"""

from __future__ import annotations

import fnmatch
import io
import itertools
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jobs.engine import compat
from jobs.errors import InputError, JobError
from jobs.lake import globs
from jobs.lake.hdfs_reader import RangeReader, info_of
from jobs.lake.storage import ObjectInfo, pieces
from jobs.lake.webhdfs import Status, WebHdfs, client, split_uri
from jobs.lake.webhdfs_errors import HdfsError, UnreachableError, refusal

compat.install()

from mrjob.cat import decompress
from mrjob.fs.hadoop import HadoopFilesystem
from mrjob.util import to_lines

log = logging.getLogger(__name__)
T = TypeVar("T")

_OF_COMMAND_ONLY = re.compile(r"[{}\\]|\[\^")  # in patterns of Hadoop's
_COMMON_JAR = re.compile(r"hadoop-common-(\d+(?:\.\d+)+)[^/]*(?<!-tests)\.jar")
_JAR_FOLDERS = (".", "share/hadoop/common", "share/hadoop/lib")


class HdfsFiles(HadoopFilesystem):  # type: ignore[misc]  # mrjob has no types
    """`fs.hadoop` of a runner."""

    _is_over_http = True
    _version = ""

    def get_hadoop_version(self) -> str:
        """From the name of Hadoop's own jar beside the command, else by asking the command."""
        if not self._version:
            home = Path(self.get_hadoop_bin()[0]).resolve().parent.parent
            jars = (path.name for folder in _JAR_FOLDERS for path in (home / folder).glob("hadoop-common-*.jar"))
            found = next(filter(None, map(_COMMON_JAR.fullmatch, jars)), None)
            self._version = found[1] if found else str(super().get_hadoop_version())
        return self._version

    def invoke_hadoop(
        self,
        args: list[str],
        ok_returncodes: Sequence[int] | None = None,
        ok_stderr: Sequence[re.Pattern[bytes]] | None = None,
        return_stdout: bool = False,
    ) -> Any:
        """The command's words are found below what Java warns of before."""
        below = [re.compile(rb"(?:.*\n)*?" + each.pattern.removeprefix(b"^")) for each in ok_stderr or ()]
        return super().invoke_hadoop(args, ok_returncodes, below, return_stdout)

    def ls(self, path_glob: str) -> Iterator[str]:
        """The files at and below what matches."""

        def files(hdfs: WebHdfs) -> list[str]:
            root = f"hdfs://{split_uri(path_glob)[0]}"
            return [root + path for path, _ in _walk(hdfs, _matches(hdfs, path_glob))]

        yield from self._ask("ls", path_glob, files, super().ls)

    def du(self, path_glob: str) -> int:
        def size(hdfs: WebHdfs) -> int:
            return sum(status.size for _, status in _walk(hdfs, _matches(hdfs, path_glob)))

        return self._ask("du", path_glob, size, super().du)

    def exists(self, path_glob: str) -> bool:
        def found(hdfs: WebHdfs) -> bool:
            return any(True for _ in _matches(hdfs, path_glob))

        return self._ask("check", path_glob, found, super().exists)

    def mkdir(self, path: str) -> None:
        self._ask("mkdir", path, lambda hdfs: hdfs.make_folder(split_uri(path)[1]), super().mkdir)

    def put(self, src: str, path: str) -> None:
        """Copy a local file; refused where one of that name is, as by the command."""
        if path.endswith("/"):
            raise ValueError("put() destination may not be a directory")

        def copy(hdfs: WebHdfs) -> None:
            target = split_uri(path)[1]
            if hdfs.status(target) is not None:
                raise HdfsError("FileAlreadyExistsException", f"{path} is there already", 403)
            copied = f"{target}._COPYING_.{secrets.token_hex(8)}"  # nobody sees half a file
            with Path(src).open("rb") as file:
                hdfs.create(copied, file, Path(src).stat().st_size)
            status = hdfs.status(copied)
            if status is None or not hdfs.move(status.id, target):
                if status is not None:
                    hdfs.delete(status.id)
                raise HdfsError("FileAlreadyExistsException", f"{path} is there already", 403)

        self._ask("put", path, copy, lambda _: super(HdfsFiles, self).put(src, path))

    def rm(self, path_glob: str) -> None:
        """Delete what matches, and all below; nothing where nothing does."""

        def remove(hdfs: WebHdfs) -> None:
            for _, status in list(_matches(hdfs, path_glob)):
                hdfs.delete(status.id)

        self._ask("rm", path_glob, remove, super().rm)

    def touchz(self, path: str) -> None:
        """Make an empty file; refused where one with content is."""

        def touch(hdfs: WebHdfs) -> None:
            target = split_uri(path)[1]
            status = hdfs.status(target)
            if status is not None and (status.size or status.is_folder):
                raise HdfsError("FileAlreadyExistsException", f"{path} is not an empty file", 403)
            hdfs.create(target, io.BytesIO(), 0)

        self._ask("touchz", path, touch, super().touchz)

    def _cat_file(self, path: str) -> Iterator[bytes]:
        """Its lines. Raises JobError where not all of it can be read."""

        def listed(hdfs: WebHdfs) -> ObjectInfo:
            status = hdfs.status(split_uri(path)[1])
            if status is None:
                raise HdfsError("FileNotFoundException", f"no such file: {path}", 404)
            return info_of(path, status, hdfs)

        info = self._ask("stream", path, listed, lambda _: None)
        if info is None:
            yield from super()._cat_file(path)
            return
        try:
            with RangeReader(info, 0, info.size) as reader:
                yield from to_lines(decompress(pieces(reader), path))
        except InputError as error:
            raise JobError(error.what, where=error.where, fix=error.fix) from None

    def _ask(self, verb: str, path: str, ask: Callable[[WebHdfs], T], command: Callable[[str], Any]) -> T:
        """The answer of WebHDFS; the command's where there is none. Raises OSError for what HDFS refuses, as mrjob."""
        if self._is_over_http and path.startswith("hdfs://") and not _OF_COMMAND_ONLY.search(path):
            try:
                return ask(client(path))
            except HdfsError as error:
                if error.kind:
                    raise OSError(f"Could not {verb} {path}: {error.message}") from refusal(error, path, JobError)
                log.debug("no WebHDFS answers (%s)", error)
            except (UnreachableError, JobError) as error:
                log.debug("WebHDFS is not used: %s", error)
            self._is_over_http = False
        answer: T = command(path)
        return answer


def _matches(hdfs: WebHdfs, path_glob: str) -> Iterator[tuple[str, Status]]:
    """The files and folders of a name, which may have patterns in it; none where there are none."""
    found = [""]
    for pattern, names in itertools.groupby(filter(None, split_uri(path_glob)[1].split("/")), globs.has_magic):
        for name in names if pattern else ["/".join(names)]:
            if pattern:
                wanted = re.compile(fnmatch.translate(name))
                below = [(folder, hdfs.status(folder or "/")) for folder in found]
                found = [
                    f"{folder}/{entry.name}"
                    for folder, status in below
                    if status is not None and status.is_folder
                    for entry in hdfs.listed(folder or "/")
                    if wanted.fullmatch(entry.name)
                ]
            else:
                found = [f"{folder}/{name}" for folder in found]
    for path in found:
        if (status := hdfs.status(path or "/")) is not None:
            yield path, status


def _walk(hdfs: WebHdfs, found: Iterator[tuple[str, Status]]) -> Iterator[tuple[str, Status]]:
    """The files among what was found, and in its folders."""
    for path, status in found:
        if status.is_folder:
            yield from _walk(hdfs, ((f"{path}/{entry.name}", entry) for entry in hdfs.listed(path or "/")))
        else:
            yield path, status
