"""A TCP proxy in front of a real server that breaks, delays or refuses a given number of requests."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from jobs.hadoop.cluster import Cluster

Fault = Callable[[socket.socket, bytes], None]
"""Does something with the client's connection and the server's whole answer to one request."""

_SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


def slow_down(client: socket.socket, answer: bytes) -> None:
    """Answer 503 as S3 does when it has enough."""
    head = f"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nContent-Length: {len(_SLOW_DOWN)}\r\n\r\n"
    client.sendall(head.encode() + _SLOW_DOWN)


def cut_in_half(client: socket.socket, answer: bytes) -> None:
    """Give half of the answer, then close."""
    client.sendall(answer[: len(answer) // 2])
    client.close()


def no_body(client: socket.socket, answer: bytes) -> None:
    """Give the head of the answer alone, then close."""
    client.sendall(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
    client.close()


def reset(client: socket.socket, answer: bytes) -> None:
    """Let the answer get lost with the connection."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    client.close()


@dataclass
class Faults:
    """Which requests go wrong: those whose first line matches, while there are faults left."""

    url: str = ""
    pattern: str = "GET /"
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    """The first line and range of every request."""
    happened: int = 0


@contextmanager
def faulty_proxy(url: str, renamed: Mapping[str, str] | None = None) -> Iterator[Faults]:
    """A proxy to the server at `url` while the context lasts; `renamed`: addresses that its answers name otherwise."""
    server = urlsplit(url)
    plan = Faults()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plan.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        def serve(client: socket.socket) -> None:
            with suppress(OSError), client:
                while request := _message(client, upload=True):
                    with socket.create_connection((server.hostname or "", server.port or 80)) as upstream:
                        upstream.sendall(re.sub(rb"(?i)\r\nexpect: 100-continue", b"", request, count=1))
                        answer = _renamed(_message(upstream, head=request.startswith(b"HEAD")), renamed or {})
                    first = request.split(b"\r\n", 1)[0].decode()
                    found = re.search(rb"(?i)\r\nrange: ([^\r]*)", request)
                    plan.seen.append(f"{first.rsplit(' ', 1)[0]} {found[1].decode() if found else ''}".strip())
                    if plan.faults and re.search(plan.pattern, first):
                        plan.happened += 1
                        plan.faults.pop(0)(client, answer)
                    else:
                        client.sendall(answer)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield plan
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _renamed(answer: bytes, names: Mapping[str, str]) -> bytes:
    lines, _, body = answer.partition(b"\r\n\r\n")
    size = len(body)
    for name, other in names.items():
        body = body.replace(name.encode(), other.encode())
    lines = re.sub(rb"(?i)(\r\ncontent-length: )%d\b" % size, rb"\g<1>%d" % len(body), lines)
    return lines + b"\r\n\r\n" + body if answer else answer


def _message(peer: socket.socket, *, upload: bool = False, head: bool = False, begun: bytes = b"") -> bytes:
    """One whole HTTP message, of which `begun` is here already; empty at the end of the connection."""
    data = begun
    while b"\r\n\r\n" not in data:
        if not (more := peer.recv(1 << 16)):
            return b""
        data += more
    lines, _, body = data.partition(b"\r\n\r\n")
    if lines.startswith(b"HTTP/1.1 100"):  # a DataNode says so unasked
        return _message(peer, head=head, begun=body)
    if upload and re.search(rb"(?i)\r\nexpect: 100-continue", lines):
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: (\d+)", lines)
    chunks = bytearray(body)
    if not head and found:
        while len(chunks) < int(found[1]):
            chunks += peer.recv(1 << 20) or b"\0" * int(found[1])
    elif not head and re.search(rb"(?i)\r\ntransfer-encoding: chunked", lines):
        while not chunks.endswith(b"0\r\n\r\n"):
            chunks += peer.recv(1 << 20)
    return lines + b"\r\n\r\n" + bytes(chunks)


@contextmanager
def faulty_hdfs(hadoop: Cluster) -> Iterator[tuple[Faults, Faults]]:
    """Proxies to the NameNode and to the DataNode that it names."""
    data_node = f"localhost:{hadoop.layout.ports['datanode-http']}"
    with faulty_proxy(f"http://{data_node}") as data:
        renamed = {data_node: urlsplit(data.url).netloc}
        with faulty_proxy(f"http://{hadoop.layout.address('namenode-http')}", renamed) as name:
            yield name, data
