"""Programs that people have, against two real servers: in marie's own files, and in what einstein shares with her."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clouds import Process, served, shared, start
from tests.mesh import PASSWORD
from tests.server.dav.test_litmus import DROPPED
from tests.tools import require

CONTENTS = {
    "a.txt": b"e = mc2",
    "deep/b.bin": bytes(range(256)) * 20_000,
    "deep/er/\u00fcber uns #1 100%.txt": b"",
    "c d.txt": b"x",
}


@dataclass
class Place:
    """A folder that marie writes in: its URL, and where its files are on disk."""

    url: str
    disk: Path

    def tree(self, folder: str = "") -> dict[str, bytes]:
        """What the disk has below a folder."""
        return tree(self.disk / folder)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    folder = tmp_path_factory.mktemp("clients")
    with ExitStack() as stack:
        one, two = (stack.enter_context(served(folder / name)) for name in ("one", "two"))
        start({one: ["einstein"], two: ["marie"]})
        assert one.dav("MKCOL", "einstein", "work").status == 201
        mounted = shared(one, two, "work", ["read", "write"])
        assert mounted == "Shares/work"
        url = f"{two.url}/dav/files/marie/"
        yield {
            "her own files": Place(url, files(two, "marie")),
            "a received share": Place(f"{url}{mounted}/", files(one, "einstein") / "work"),
        }
        for cloud in (one, two):
            log = cloud.log.read_text()
            assert "ERROR" not in log, log
            assert "Traceback" not in log, log


def files(cloud: Process, who: str) -> Path:
    return cloud.data / "files" / who


@pytest.fixture(params=["her own files", "a received share"])
def place(request: pytest.FixtureRequest, places: dict[str, Place]) -> Iterator[Place]:
    """Emptied afterwards, so that a test that fails leaves nothing for the next."""
    found = places[request.param]
    yield found
    for left in found.disk.iterdir():
        shutil.rmtree(left)


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A folder to be copied."""
    for name, content in CONTENTS.items():
        path = tmp_path / "sent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "sent"


# curl


def curl(*arguments: str | Path) -> str:
    """What it printed. It must have found a success."""
    command = [require("curl"), "-sS", "--fail-with-body", "-u", f"marie:{PASSWORD}", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_curl_uploads_lists_downloads_renames_copies_and_deletes(place: Place, sent: Path, tmp_path: Path) -> None:
    status = ["-o", tmp_path / "answer", "-w", "%{http_code}"]
    url = place.url + "curl/"
    assert curl("-X", "MKCOL", *status, url) == "201"
    assert curl("-T", sent / "deep/b.bin", *status, url) == "201"  # the name is curl's to add
    assert curl("-T", sent / "a.txt", *status, f"{url}%C3%BCber%20uns.txt") == "201"
    assert curl("-T", sent / "c d.txt", *status, f"{url}%C3%BCber%20uns.txt") == "204"
    listed = curl("-X", "PROPFIND", "-H", "Depth: 1", url)
    assert re.findall(r"curl/([^<]*)</\w*:?href>", listed) == ["", "b.bin", "%C3%BCber%20uns.txt"]

    curl("-o", tmp_path / "got", f"{url}b.bin")
    assert (tmp_path / "got").read_bytes() == CONTENTS["deep/b.bin"]
    curl("-r", "256-511", "-o", tmp_path / "part", f"{url}b.bin")
    assert (tmp_path / "part").read_bytes() == bytes(range(256))
    (tmp_path / "got").write_bytes(CONTENTS["deep/b.bin"][:1000])
    curl("-C", "-", "-o", tmp_path / "got", f"{url}b.bin")  # the rest of what was broken off
    assert (tmp_path / "got").read_bytes() == CONTENTS["deep/b.bin"]

    assert curl("-X", "MOVE", "-H", f"Destination: {url}renamed.bin", *status, f"{url}b.bin") == "201"
    assert curl("-X", "COPY", "-H", f"Destination: {place.url}curl2/", *status, url) == "201"
    whole = {"renamed.bin": CONTENTS["deep/b.bin"], "\u00fcber uns.txt": b"x"}
    assert (place.tree("curl"), place.tree("curl2")) == (whole, whole)
    assert curl("-X", "DELETE", *status, f"{url}renamed.bin") == "204"
    assert place.tree("curl") == {"\u00fcber uns.txt": b"x"}
    for folder in (url, f"{place.url}curl2/"):
        assert curl("-X", "DELETE", *status, folder) == "204"
    assert list(place.disk.iterdir()) == []


# rclone


@dataclass
class Rclone:
    """rclone with marie's place as its remote."""

    options: list[str]

    def __call__(self, *arguments: str | Path, status: int = 0) -> str:
        """What it printed; `:webdav:` is the place."""
        command = [require("rclone"), *arguments, *self.options]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert result.returncode == status, result.stdout + result.stderr
        assert status or "ERROR" not in result.stderr, result.stderr
        return result.stdout


@pytest.fixture(params=["other", "owncloud"])
def rclone(request: pytest.FixtureRequest, place: Place, tmp_path: Path) -> Rclone:
    """As a plain WebDAV server, and as one that is told the times of files."""
    command = [require("rclone"), "obscure", PASSWORD]
    obscured = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    options = {"url": place.url, "user": "marie", "pass": obscured, "vendor": request.param}
    flags = [f"--webdav-{name}={value}" for name, value in options.items()]
    return Rclone([*flags, f"--config={tmp_path / 'none'}", "--retries=1", "--low-level-retries=1"])


def test_rclone_copies_checks_lists_renames_and_deletes(
    rclone: Rclone, place: Place, sent: Path, tmp_path: Path
) -> None:
    rclone("copy", sent, ":webdav:rclone")
    assert place.tree("rclone") == CONTENTS
    rclone("check", "--download", sent, ":webdav:rclone")
    assert set(rclone("lsf", "-R", "--files-only", ":webdav:rclone").splitlines()) == set(CONTENTS)
    sizes = rclone("lsf", "-R", "--files-only", "--format=sp", ":webdav:rclone").splitlines()
    assert set(sizes) == {f"{len(content)};{name}" for name, content in CONTENTS.items()}

    rclone("copy", ":webdav:rclone", tmp_path / "got")
    assert tree(tmp_path / "got") == CONTENTS
    rclone("moveto", ":webdav:rclone/a.txt", ":webdav:rclone/new/renamed.txt")
    rclone("copyto", ":webdav:rclone/deep/b.bin", ":webdav:rclone/new/copied.bin")
    rclone("moveto", ":webdav:rclone/deep", ":webdav:rclone/moved")
    assert place.tree("rclone/new") == {"renamed.txt": CONTENTS["a.txt"], "copied.bin": CONTENTS["deep/b.bin"]}
    assert "moved/b.bin" in place.tree("rclone")
    assert rclone("cat", ":webdav:rclone/new/renamed.txt") == "e = mc2"
    rclone("check", "--download", sent, ":webdav:rclone", status=1)  # what was moved is missed

    rclone("sync", sent, ":webdav:rclone")
    assert place.tree("rclone") == CONTENTS
    rclone("deletefile", ":webdav:rclone/a.txt")
    assert "a.txt" not in place.tree("rclone")
    rclone("purge", ":webdav:rclone")
    assert not (place.disk / "rclone").exists()


def test_rclone_sends_again_only_what_is_different(rclone: Rclone, place: Place, sent: Path) -> None:
    rclone("copy", sent, ":webdav:again")
    before = {name: (place.disk / "again" / name).stat().st_ino for name in CONTENTS}
    (sent / "a.txt").write_bytes(b"another length")
    rclone("copy", sent, ":webdav:again")
    after = {name: (place.disk / "again" / name).stat().st_ino for name in CONTENTS}
    assert [name for name in CONTENTS if before[name] != after[name]] == ["a.txt"]
    assert place.tree("again")["a.txt"] == b"another length"
    rclone("purge", ":webdav:again")


def test_rclone_keeps_the_times_of_files_where_it_knows_how(rclone: Rclone, place: Place, sent: Path) -> None:
    os.utime(sent / "a.txt", (1_000_000_000, 1_000_000_000))
    rclone("copyto", sent / "a.txt", ":webdav:times/a.txt")
    kept = (place.disk / "times/a.txt").stat().st_mtime == 1_000_000_000
    assert kept == ("--webdav-vendor=owncloud" in rclone.options)
    rclone("purge", ":webdav:times")


# litmus


def test_litmus_finds_nothing(place: Place, tmp_path: Path) -> None:
    command = [require("litmus"), "-k", place.url, "marie", PASSWORD]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    summaries = re.findall(r"<- summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed", result.stdout)
    assert {name for name, *_ in summaries} == {"basic", "copymove", "props", "locks", "http"}, result.stdout
    assert all(run == passed for _, run, passed, _ in summaries), result.stdout
    assert set(re.findall(r"WARNING: (.*)", result.stdout)) <= DROPPED["granian"], result.stdout
