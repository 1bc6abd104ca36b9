"""Measures one process of ours beside nginx and Apache, and prints a table in Markdown.

    make bench                          under three minutes
    python -m bench --quick             under forty seconds, with smaller numbers of everything: trust the ratios only

Everything is on loopback and in a temporary folder, which is gone afterwards.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import machine, measures, pages
from bench.load import CONNECTIONS, Generator
from bench.measures import Plan, Shares, Speed, tell
from bench.sender import Sender
from bench.servers import REFERENCES, Server, ours

MEGA = 1_000_000
ABSENT = "-"
CPU = "- CPU of the server for each, ms"
Row = list[str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures what we claim about speed.")
    parser.add_argument("--quick", action="store_true", help="take under 40 seconds")
    parser.add_argument("--spread", action="store_true", help="let servers use every core, also those of the clients")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that it cleans up as for Ctrl-C
    try:
        measure(measures.QUICK if options.quick else measures.FULL, [] if options.spread else machine.pin())
    except KeyboardInterrupt:
        sys.exit(130)


def measure(plan: Plan, pinned: Sequence[str]) -> None:
    """Starts everything, measures, prints."""
    begun, busy = time.monotonic(), machine.load_average()
    with ExitStack() as stack:
        place = machine.folder_for_work()
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".bench-", dir=place)))
        folder.chmod(0o755)  # root's Apache serves as somebody else
        (folder / ".gitignore").write_text("*\n")
        servers = [stack.enter_context(ours(folder / "ours", pinned))]
        remarks = []
        for name, start in REFERENCES:
            server = stack.enter_context(start(folder / name, pinned))
            servers += [server] if server else []
            remarks += [] if server else [f"{name} is not here and left out"]
        remarks += [f"{server.name} has no PROPFIND module" for server in servers if not server.propfind]
        measures.make_big(folder / "big", plan.big)
        for server in servers:
            measures.prepare(server, folder / "big")
        rows = [*_protocol_rows(stack, servers, plan), *_file_rows(stack, servers, plan)]
        _print(rows, servers, [machine.file_system(folder), *remarks], pinned, busy)
    tell(f"{time.monotonic() - begun:.0f} seconds in all")


def _protocol_rows(stack: ExitStack, servers: Sequence[Server], plan: Plan) -> list[Row]:
    """What only ours does."""
    generator = stack.enter_context(Generator.running())
    sender = stack.enter_context(Sender.running())
    rest = [ABSENT] * (len(servers) - 1)
    tell("signed shares ...")
    shares: Shares = measures.shares(servers[0], generator, sender, plan)
    tell("discovery ...")
    discovery = measures.discovery(servers[0], generator, plan)
    tell("pages ...")
    pages.prepare(servers[0])
    page, seen = pages.folder(servers[0]), pages.opened(servers[0])
    in_browser = f"{seen.painted:.0f} / {seen.loaded:.0f}" if seen else "no Chromium here"
    return [
        [f"signed shares stored a second ({shares.stored:,} of {shares.accepted:,})", _rate(shares.speed), *rest],
        ["- p50 / p99, ms", f"{shares.p50:.0f} / {shares.p99:.0f}", *rest],
        [CPU, _cpu(shares.speed), *rest],
        ["discovery documents a second", _rate(discovery), *rest],
        [CPU, _cpu(discovery), *rest],
        [f"page of a folder of {pages.ENTRIES:,} files, ms", f"{page:.0f}", *rest],
        ["- in Chromium, seen / whole, ms", in_browser, *rest],
        ["all scripts of all pages, KB", f"{pages.script_bytes() / 1000:.1f}", *rest],
    ]


def _file_rows(stack: ExitStack, servers: Sequence[Server], plan: Plan) -> list[Row]:
    """What the references do too."""
    generator = stack.enter_context(Generator.running())
    size = f"{plan.big / 1000 / MEGA:g} GB"

    def each(title: str, work: Callable[[Server], list[str]]) -> list[list[str]]:
        tell(f"{title} ...")
        return list(map(list, zip(*map(work, servers), strict=True)))

    def upload(server: Server) -> list[str]:
        return [f"{speed / MEGA:,.0f}" for speed in measures.upload(server, plan)]

    def listing(server: Server) -> list[str]:
        if not server.propfind:
            return [ABSENT] * 3
        speed, alone = measures.listing(server, generator, plan)
        return [_rate(speed), f"{alone:.1f}", _cpu(speed)]

    def small(server: Server) -> list[str]:
        speed = measures.small(server, generator, plan)
        return [_rate(speed), _cpu(speed)]

    (get,) = each("GET", lambda server: [f"{measures.download(server, plan) / MEGA:,.0f}"])
    answered, durable = each("PUT", upload)
    gets, gets_cpu = each("small GETs", small)
    listed, alone, listed_cpu = each("PROPFIND", listing)
    return [
        [f"GET {size}, MB/s", *get],
        [f"PUT {size}, MB/s until answered (ours: on disk)", *answered],
        [f"PUT {size}, MB/s until on disk", *durable],
        ["GET 4 KB a second", *gets],
        [CPU, *gets_cpu],
        [f"PROPFIND of {measures.ENTRIES:,} files a second", *listed],
        ["- one alone, ms", *alone],
        [CPU, *listed_cpu],
    ]


def _rate(speed: Speed) -> str:
    return f"{speed.rate:,.0f}"


def _cpu(speed: Speed) -> str:
    return f"{1000 * speed.cpu:.2f}"


def _print(
    rows: list[Row], servers: Sequence[Server], remarks: Sequence[str], pinned: Sequence[str], busy: str
) -> None:
    kind, *others = remarks
    apart = f"each server on core {pinned[-1]}, clients on the others, the browser on all" if pinned else ""
    cores = apart or "servers and clients share cores"
    print(f"{machine.described()}; {cores}.")
    print(f"Load average before: {busy}. Other load on the machine disturbs every number, those of CPU the least.")
    print(f"One process of `ocm serve`, SQLite on {kind}. Ours answers a PUT or a share once it is on disk (fsync);")
    print("the references do not wait for the disk.")
    print(
        f"{CONNECTIONS} connections, for PROPFIND {measures.LISTERS}; Basic auth; discovery and 4 KB GETs asked by "
        f"{'wrk' if shutil.which('wrk') else 'our own client'}."
    )
    for sentence in others:
        print(f"{sentence}.")
    table = [["", *(server.name for server in servers)], *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(servers) + 1)]
    table.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    print()
    for first, *rest in table:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
