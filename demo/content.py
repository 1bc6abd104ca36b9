"""What two people who work together would have in their clouds, for pictures of the pages."""

from __future__ import annotations

from urllib.parse import quote

from demo.clouds import Cloud, wait

# Path and bytes of every file; a folder is named by what is in it.
EINSTEIN = {
    "Annus mirabilis/Brownian motion.pdf": 412_000,
    "Annus mirabilis/On the electrodynamics of moving bodies.pdf": 1_904_000,
    "Annus mirabilis/Photoelectric effect.pdf": 733_000,
    "Letters/Grossmann 1915.txt": 4_300,
    "Solvay 1927/Group photograph.jpg": 2_260_000,
    "Solvay 1927/Programme.odt": 38_400,
    "Lecture notes on general relativity.md": 61_200,
    "Violin sonata.ogg": 3_480_000,
}
MARIE = {
    "Radium/Measurements.csv": 92_500,
    "Radium/Notebook.pdf": 2_310_000,
    "Polonium.md": 18_900,
    "Travel to Brussels.txt": 900,
}


def fill(one: Cloud, two: Cloud) -> None:
    """Files in both clouds, and shares in every state that a person may see. Raises `RuntimeError`."""
    for cloud, files in ((one, EINSTEIN), (two, MARIE)):
        for folder in sorted({path.rpartition("/")[0] for path in files if "/" in path}):
            cloud.dav("MKCOL", quote(folder))
        for path, size in files.items():
            cloud.dav("PUT", quote(path), bytes(size))
    share(one, two, "Solvay 1927", "Who sits where?", "read", "write")
    accept(two, "Solvay 1927")
    share(two, one, "Radium", "The new series, with the notebook.", "read", "write")
    accept(one, "Radium")
    share(one, two, "Lecture notes on general relativity.md", "Chapter 3 is for you.", "read")
    share(two, one, "Travel to Brussels.txt", "Shall we take the same train?", "read")
    nobody = {"path": "Solvay 1927", "shareWith": "niels@localhost:9", "permissions": ["read"]}
    one.api("POST", "shares", nobody)
    one.api("POST", "invites", {"description": "For Niels, after the conference"})
    wait(lambda: all(row["state"] != "pending" for row in one.api("GET", "shares") if row["shareWith"] == two.address))
    wait(lambda: any(row["error"] for row in one.api("GET", "shares")))


def share(cloud: Cloud, other: Cloud, path: str, note: str, *permissions: str) -> None:
    """Shares with the person at the other cloud, and waits until it is there."""
    body = {"path": path, "shareWith": other.address, "permissions": permissions, "description": note}
    cloud.api("POST", "shares", body)
    wait(lambda: any(row["name"] == path for row in other.api("GET", "received")))


def accept(cloud: Cloud, name: str) -> None:
    """The person accepts what is offered by this name."""
    (offer,) = [row for row in cloud.api("GET", "received") if row["name"] == name]
    cloud.api("POST", f"received/{offer['id']}/accept")
