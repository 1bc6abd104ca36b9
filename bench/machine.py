"""The machine that is measured on: its programs, its cores, and what has to be told of it beside any number."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
START_SECONDS = 20.0
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set[int]()  # before `pin`
PLACES = ("usr/sbin", "usr/local/sbin")  # often not in PATH


def find(*names: str) -> Path | None:
    """The first of these executables that is here."""
    for name in names:
        if found := shutil.which(name):
            return Path(found)
        for place in PLACES:
            if (path := Path("/", place, name)).exists():
                return path
    return None


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def wait_for(port: int, alive: Callable[[], bool]) -> bool:
    """Waits until somebody listens there; False where that does not come about."""
    until = time.monotonic() + START_SECONDS
    while alive() and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return True
    return False


def pin() -> list[str]:
    """Leaves the first core to the servers, and the others to this process and its load generators.

    Gives the words before the command of a server that keep it there; none where it cannot be done. A server that
    may spread over cores which its clients need too is measured differently at each run.
    """
    taskset = shutil.which("taskset")
    if taskset is None or not hasattr(os, "sched_setaffinity"):
        return []
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        return []
    os.sched_setaffinity(0, others)
    return [taskset, "-c", str(first)]


@contextlib.contextmanager
def every_core() -> Iterator[None]:
    """What is started meanwhile may use all of them, and not only those that `pin` leaves to clients."""
    if not CORES:
        yield
        return
    kept = os.sched_getaffinity(0)
    os.sched_setaffinity(0, CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, kept)


def cpu_seconds(session: int) -> float:
    """What the processes of a session have used so far; 0 where that cannot be seen.

    On a machine that does other things too, it tells more than what they got done in a time.
    """
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()  # from the third on: see proc(5)
            if int(fields[3]) == session:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def folder_for_work() -> Path:
    """Where temporary folders go: TMPDIR where it is set, else the repository's own disk, for /tmp may be memory."""
    return Path(os.environ.get("TMPDIR") or ROOT)


def file_system(folder: Path) -> str:
    """The kind of file system that a folder is on."""
    told = subprocess.run(["df", "-PT", folder], capture_output=True, text=True, check=False).stdout.split("\n")
    return told[1].split()[1] if len(told) > 1 and told[1] else "an unknown file system"


def load_average() -> str:
    """How busy the machine is with other work, before any of ours."""
    return f"{os.getloadavg()[0]:.1f}"


def described() -> str:
    """Processor, kernel, Python."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
