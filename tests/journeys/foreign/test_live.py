"""The journeys run with a server that is only known by URL and password; here with an emulated one in a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clouds import free_port
from tests.journeys.foreign.kinds import run_against
from tests.peers.live import Account

HERE = Path(__file__).parent
TWO = "test_a_file_is_shared_accepted_and_read or test_a_file_is_offered_accepted_and_read"


def run(account, folder, what):
    """pytest in a process, with OCM_TEST_PEER."""
    command = [sys.executable, "-m", "pytest", str(HERE), "-p", "no:xdist", "-o", f"cache_dir={folder}", "-k", what]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"OCM_TEST_PEER": account, "OCM_TEST_URL": f"http://localhost:{free_port()}"}
    return subprocess.run(command, env=environment, cwd=HERE.parents[2], capture_output=True, text=True, check=False)


@pytest.fixture(params=["nextcloud-34", "owncloud-10"])
def account(request):
    command = [sys.executable, "-m", "tests.peers.serve", request.param, "alice:secret"]
    root = HERE.parents[2]
    path = os.pathsep.join((str(root), os.environ.get("PYTHONPATH", "")))
    with subprocess.Popen(
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    ) as server:
        address = server.stdout.readline().strip()
        yield f"{request.param} {address.replace('://', '://alice:secret@')}"
        server.kill()


def test_journeys_run_with_whom_the_environment_names(account, tmp_path):
    done = run(account, tmp_path, f"({TWO}) and not postgresql")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    for line in ("we share with it, read, yes", "it shares with us, read, yes"):
        assert line in done.stdout.splitlines()


def test_what_is_not_known_of_a_family_is_said_where_its_journeys_are_left_out(tmp_path):
    done = run("seafile http://alice:secret@localhost:9", tmp_path, f"({TWO}) and not postgresql")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 skipped" in done.stdout
    assert "a real seafile cannot be driven: nothing tells how its user signs in" in done.stdout


def test_a_family_that_is_none_of_ours_is_said():
    with pytest.raises(pytest.UsageError, match="owncube-1 is none of nextcloud-28; "):
        run_against(Account("owncube-1", "http://localhost:9", "alice", "secret"))
