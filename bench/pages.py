"""The pages: a folder of thousands opens in under a second. This is the server's part of it."""

from __future__ import annotations

import statistics
import time
from http.client import HTTPConnection
from urllib.parse import urlencode

from bench.servers import PASSWORD, USER, Server

FOLDER, ENTRIES, REPEATS = "large", 5000, 5


def prepare(server: Server) -> None:
    """The folder."""
    folder = server.files / FOLDER
    folder.mkdir()
    for number in range(ENTRIES):
        (folder / f"measurement-{number:04}.{'jpg' if number % 2 else 'txt'}").write_bytes(b"x" * number)


def folder(server: Server) -> float:
    """Milliseconds until the whole page of the folder is here, with the median of a few."""
    connection = HTTPConnection("localhost", server.port)
    home = f"http://localhost:{server.port}"
    form = urlencode({"user": USER, "password": PASSWORD})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": home}
    connection.request("POST", "/login", form, headers)
    answer = connection.getresponse()
    answer.read()
    cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        connection.request("GET", f"/files/{FOLDER}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        page = answer.read()
        times.append(1000 * (time.perf_counter() - begun))
        if answer.status != 200 or f"of {ENTRIES}".encode() not in page:
            raise RuntimeError("The page of the folder is not as it should be.")
    connection.close()
    return statistics.median(times)
