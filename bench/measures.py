"""What is measured: a function each, that asks one server and gives numbers."""

from __future__ import annotations

import os
import socket
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from bench import load
from bench.load import Generator
from bench.machine import cpu_seconds
from bench.sender import Sender
from bench.servers import USER, Server

T = TypeVar("T")

SMALL, FOLDER, ENTRIES = "small.bin", "folder", 1000
BIG, UPLOADED = "big.bin", "uploaded.bin"
PIECE = 1 << 20
LISTERS = 4  # connections: each answer is of hundreds of kilobytes
QUESTION = (
    b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop>'
    b"<resourcetype/><getcontentlength/><getlastmodified/><getetag/></prop></propfind>"
)  # what clients ask that look for changes


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    shares: int  # that are signed beforehand; more than can be sent in the time for them
    share_seconds: float
    warm_up: int  # the first so many of them do not count
    seconds: float  # for each other measure that counts what is done in a time
    big: int  # bytes
    repeats: int  # of the big transfers; their mean, or median, counts


FULL = Plan(shares=14_000, share_seconds=10, warm_up=500, seconds=4, big=1_000_000_000, repeats=2)
QUICK = Plan(shares=2_000, share_seconds=3, warm_up=200, seconds=1, big=100_000_000, repeats=1)


class Speed(NamedTuple):
    """Answers a second, and the seconds of processor time that each costs the server."""

    rate: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Shares:
    """How offers went: those answered with 201, and those that are in the database."""

    speed: Speed
    accepted: int
    stored: int
    p50: float  # milliseconds
    p99: float


def prepare(server: Server, big: Path) -> None:
    """The same tree for each: a small file, a folder of a thousand, and the one big file of all by a hard link."""
    (server.files / SMALL).write_bytes(os.urandom(4096))
    os.link(big, server.files / BIG)
    folder = server.files / FOLDER
    folder.mkdir()
    for number in range(ENTRIES):
        (folder / f"measurement-{number:04}.txt").write_bytes(b"x" * number)
    _get(server, SMALL)  # until a password has been right once, every request with it costs a slow hash


def make_big(path: Path, size: int) -> None:
    """A file of random bytes, so that no file system can make it small."""
    piece = os.urandom(PIECE)
    with path.open("wb") as file:
        for _ in range(size // PIECE):
            file.write(piece)
        file.write(piece[: size % PIECE])
    path.chmod(0o644)


def shares(server: Server, generator: Generator, sender: Sender, plan: Plan) -> Shares:
    """Signed offers that are accepted and durably stored."""
    recipient = f"{USER}@localhost:{server.port}"
    messages = sender.messages(recipient, plan.shares)
    warm_up = generator.ask(server.port, messages[: plan.warm_up], plan.share_seconds)
    load.expect(warm_up.statuses, 201)
    before = _stored(server)
    answers, cpu = _with_cpu(server, lambda: generator.ask(server.port, messages[plan.warm_up :], plan.share_seconds))
    load.expect(answers.statuses, 201)
    stored, accepted = _stored(server) - before, answers.statuses[201]
    if stored != accepted:
        raise RuntimeError(f"{accepted} shares were accepted, and {stored} are in the database.")
    speed = Speed(answers.rate, cpu / stored)
    return Shares(speed, accepted, stored, answers.percentile(50), answers.percentile(99))


def discovery(server: Server, generator: Generator, plan: Plan) -> Speed:
    """Discovery documents."""
    request = f"GET /.well-known/ocm HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()
    return _again_and_again(server, generator, request, plan)


def small(server: Server, generator: Generator, plan: Plan) -> Speed:
    """GETs of 4 KB."""
    return _again_and_again(server, generator, server.head("GET", SMALL), plan)


def listing(server: Server, generator: Generator, plan: Plan) -> tuple[Speed, float]:
    """PROPFINDs of the folder, and the milliseconds of one that comes alone."""
    fields = ("Depth: 1", "Content-Type: application/xml", f"Content-Length: {len(QUESTION)}")
    request = server.head("PROPFIND", FOLDER + "/", *fields) + QUESTION
    alone = generator.repeat(server.port, request, plan.seconds / 2, connections=1)
    several, cpu = _with_cpu(server, lambda: generator.repeat(server.port, request, plan.seconds, connections=LISTERS))
    load.expect(alone.statuses + several.statuses, 207)
    return Speed(several.rate, cpu / len(several.latencies)), alone.percentile(50)


def download(server: Server, plan: Plan) -> float:
    """Bytes a second of the big file, as the client gets them."""
    return plan.big / _median(lambda: _get(server, BIG), plan.repeats)


def upload(server: Server, plan: Plan) -> tuple[float, float]:
    """Bytes a second of a big PUT: until it is answered, and until it is on the disk too.

    Ours answers when it is; for the references we call fsync ourselves, after the answer.
    """
    answered: list[float] = []

    def put() -> None:
        begun = time.perf_counter()
        _put(server)
        answered.append(time.perf_counter() - begun)
        with (server.files / UPLOADED).open("rb") as file:
            os.fsync(file.fileno())

    durable = []
    for _ in range(plan.repeats):
        with suppress(FileNotFoundError):
            (server.files / UPLOADED).unlink()
        os.sync()  # nobody pays for what another has left to be written
        durable.append(_timed(put))
    (server.files / UPLOADED).unlink()
    return plan.big / statistics.median(answered), plan.big / statistics.median(durable)


def _again_and_again(server: Server, generator: Generator, request: bytes, plan: Plan) -> Speed:
    load.count(generator, server.port, request, plan.seconds / 4)  # to warm up
    found, cpu = _with_cpu(server, lambda: load.count(generator, server.port, request, plan.seconds))
    return Speed(found.rate, cpu / found.answers)


def _with_cpu(server: Server, work: Callable[[], T]) -> tuple[T, float]:
    """What comes of it, and the seconds of processor time that the server used meanwhile."""
    before = cpu_seconds(server.session)
    return work(), cpu_seconds(server.session) - before


def _stored(server: Server) -> int:
    with closing(sqlite3.connect(server.files.parent.parent / "ocm.sqlite3")) as database:
        return int(database.execute("SELECT count(*) FROM received").fetchone()[0])


def _get(server: Server, path: str) -> None:
    expected, buffer = (server.files / path).stat().st_size, bytearray(PIECE)
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        connection.sendall(server.head("GET", path))
        head = _head(connection)
        _check(server, head, 200)
        got = len(head.partition(b"\r\n\r\n")[2])
        while got < expected:
            count = connection.recv_into(buffer)
            if not count:
                raise RuntimeError(f"{server.name} sent {got} bytes of {expected}.")
            got += count


def _put(server: Server) -> None:
    with (server.files / BIG).open("rb") as file, socket.create_connection(("127.0.0.1", server.port), 60) as to:
        to.sendall(server.head("PUT", UPLOADED, f"Content-Length: {os.fstat(file.fileno()).st_size}"))
        to.sendfile(file)
        _check(server, _head(to), 201)


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(PIECE)
        if not piece:
            break
        head += piece
    return head


def _check(server: Server, head: bytes, status: int) -> None:
    if not head.startswith(f"HTTP/1.1 {status} ".encode()):
        raise RuntimeError(f"{server.name} answers {head[:200]!r}, not {status}.")


def _median(work: Callable[[], None], repeats: int) -> float:
    return statistics.median(_timed(work) for _ in range(repeats))


def _timed(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def tell(text: str) -> None:
    """A word to whoever waits."""
    print(text, file=sys.stderr, flush=True)
