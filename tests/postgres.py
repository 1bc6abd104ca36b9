"""A PostgreSQL server for the tests: fresh, not durable, and gone when they end, however they end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The server lives as long as the standard input of this shell is open: until the tests close it or are killed.
SERVER = """
initdb --username=postgres --auth=trust --encoding=UTF8 --no-sync $LOCALE >&2 &&
pg_ctl start --wait --silent --log="$PGDATA/log" --options="$SETTINGS" >&2 && echo ready && read -r _
pg_ctl stop --silent --mode=immediate
rm -rf "$FOLDER"
"""
SETTINGS = "-c fsync=off -c full_page_writes=off -c autovacuum=off -c max_connections=200 -c listen_addresses=''"


def version(postgres: Path) -> str:
    """For example 15.18."""
    answer = subprocess.run([postgres, "--version"], check=True, capture_output=True, text=True)
    return answer.stdout.split()[2]


@contextmanager
def serve(postgres: Path) -> Iterator[str]:
    """Runs a server; gives the folder its socket is in, which is the `host` for clients. The user is `postgres`."""
    folder = tempfile.mkdtemp(prefix="ocm-postgres-", dir=_place())
    environment = {
        "PATH": f"{postgres.resolve().parent}:{os.defpath}",
        "FOLDER": folder,
        "PGDATA": f"{folder}/data",
        "LC_ALL": "C",
        "LOCALE": _locale(version(postgres)),
        "SETTINGS": f"-k {folder} {SETTINGS}",
    }
    with subprocess.Popen(
        ["/bin/sh", "-c", SERVER],
        env=environment,
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests
        **_unprivileged(folder),
    ) as shell:
        assert shell.stdin
        assert shell.stdout
        assert shell.stderr
        if shell.stdout.readline() != b"ready\n":
            raise RuntimeError(f"PostgreSQL did not start:\n{shell.stderr.read().decode()}")
        try:
            yield folder
        finally:
            shell.stdin.close()
            shell.wait()


def _place() -> str:
    """In memory, where copying a database takes 12 ms and not 350. Short: the path of a socket has 107 bytes."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    return str(memory) if roomy else "/tmp"


def _locale(server_version: str) -> str:
    """Sorting for people, as installed servers have it: a query that counts on bytes shall fail here."""
    has_icu = int(server_version.partition(".")[0]) >= 15
    return "--locale-provider=icu --icu-locale=en-US --locale=C" if has_icu else "--locale=C"


def _unprivileged(folder: str) -> dict[str, Any]:
    """PostgreSQL does not run as root: then as nobody, who gets the folder."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
