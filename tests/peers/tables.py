"""The recorded tables of what a peer accepts, and the requests that their lines name in words.

`deviations` gives the requests behind the lines that Nextcloud and ownCloud 10 share, in the order in which they were
sent: the n-th carried the provider id `pn` and always the secret `s3cr3t` (both are visible in the recorded follow-up
requests of the receivers). What a line means is read from its words; where two readings are possible the answers to
both are the same unless the test says otherwise.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).parent.parent / "vectors"
SECRET = "s3cr3t"
LINE = re.compile(r"^(?P<name>.*?) {2,}(?P<status>\d{3}) (?P<rest>.*)$")
TYPE = re.compile(r"^(?P<type>\w+/\w+(?:; charset=[\w-]+)?) (?P<body>.*)$", re.DOTALL)
BAD_CAVAGE = 'keyId="https://{host}/ocm#signature",algorithm="rsa-sha256",headers="date",signature="AAAA"'
RFC9421_INPUT = 'sig1=("@method" "@target-uri");created=1795476604;keyid="{host}#key1";alg="ed25519"'


@dataclass(frozen=True)
class Line:
    """What was answered to one deviation. `type` is empty where the table does not show it."""

    name: str
    status: int
    type: str
    body: str


@dataclass(frozen=True)
class Deviation:
    """A request: the baseline and what is different about it."""

    name: str
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


def lines(table: str) -> list[str]:
    """A table without its head line."""
    text = (VECTORS / table).read_text().splitlines()
    assert text[0].startswith("# Source: ")
    return text[1:]


def shares(table: str) -> list[Line]:
    """The lines about shares: name, status, type, body. The first section of the accepts tables."""
    found: list[Line] = []
    for line in lines(table):
        match = LINE.match(line)
        if match is None and line.rstrip(":") == "notifications":
            break
        if match is None:  # a body of several lines
            found[-1] = replace(found[-1], body=f"{found[-1].body}\n{line}")
            continue
        typed = TYPE.match(match["rest"])
        kind, body = (typed["type"], typed["body"]) if typed else ("", match["rest"])
        found.append(Line(match["name"], int(match["status"]), kind, body))
    return found


def section(table: str, title: str, end: str | None = None) -> list[str]:
    """The lines below a title, to the next one."""
    text = lines(table)
    start = text.index(title) + 1
    return text[start : text.index(end, start) if end else len(text)]


def notification(line: str, request: dict[str, Any]) -> tuple[int, str]:
    """Status and answer of a line about notifications; the request must be the one that the line shows."""
    shown = json.dumps(request)[:110]
    assert line[4:].startswith(shown), f"{line!r} does not show {shown!r}"
    return int(line[:3]), line[4 + len(shown) + 1 :]


def baseline(number: int, me: str, there: str) -> dict[str, Any]:
    """What a server of 1.0 sends. `me` and `there` are hosts."""
    carl = f"carl@{me}"
    return {
        "shareWith": f"bob@{there}",
        "name": f"third{number}.txt",
        "description": "",
        "providerId": f"p{number}",
        "owner": carl,
        "ownerDisplayName": "Carl",
        "sender": carl,
        "senderDisplayName": "Carl",
        "sharedBy": carl,
        "sharedByDisplayName": "Carl",
        "shareType": "user",
        "resourceType": "file",
        "protocol": {"name": "webdav", "options": {"sharedSecret": SECRET, "permissions": "read"}},
    }


def deviations(me: str, there: str, unreachable: str) -> list[Deviation]:
    """All of them, in the order of the tables."""
    absolute = {"uri": f"https://{me}/dav/ocm/p", "sharedSecret": SECRET, "permissions": ["read"]}
    relative = {**absolute, "uri": "p"}
    token = {**absolute, "requirements": ["must-exchange-token"]}
    options = {"sharedSecret": SECRET, "permissions": "read"}
    display = ("ownerDisplayName", "senderDisplayName", "sharedByDisplayName")

    changes: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
        ("legacy baseline (name webdav + options)", {}, ()),
        ("multi webdav uri absolute + empty options", _protocol("multi", options={}, webdav=absolute), ()),
        ("multi webdav uri relative", _protocol("multi", options={}, webdav=relative), ()),
        ("multi + options.sharedSecret", _protocol("multi", options=options, webdav=absolute), ()),
        ("webdav + options + webdav obj", _protocol("webdav", options=options, webdav=absolute), ()),
        ("requirements must-exchange-token", _protocol("multi", options={}, webdav=token), ()),
        ("no protocol name", {"protocol": {"options": options}}, ()),
        ("webdav without options", _protocol("webdav", webdav=absolute), ()),
        ("resourceType folder", {"resourceType": "folder"}, ()),
        ("shareType group unknown group", {"shareType": "group", "shareWith": f"nogrp@{there}"}, ()),
        ("shareType federation", {"shareType": "federation"}, ()),
        ("shareWith https://", {"shareWith": f"bob@https://{there}"}, ()),
        ("shareWith unknown user", {"shareWith": f"nobody@{there}"}, ()),
        ("shareWith other host", {"shareWith": "bob@other.example"}, ()),
        ("shareWith bare", {"shareWith": "bob"}, ()),
        ("owner with https://", {"owner": f"carl@https://{me}"}, ()),
        ("owner without host", {"owner": "carl"}, ()),
        ("providerId int", {"providerId": 42}, ()),
        ("no sender but sharedBy", {}, ("sender", "senderDisplayName")),
        ("no sender", {}, ("sender", "senderDisplayName", "sharedBy", "sharedByDisplayName")),
        ("no display names", {}, display),
        ("no description", {}, ("description",)),
        ("no name", {}, ("name",)),
        ("no owner", {}, ("owner",)),
        ("no shareType", {}, ("shareType",)),
        ("no resourceType", {}, ("resourceType",)),
        ("no providerId", {}, ("providerId",)),
        ("extra members", {"expiration": 1830211200, "foo": {"bar": 1}}, ()),
        ("sender at other provider than owner", {"sender": "dora@other.example"}, ()),
        ("owner host unreachable", {"owner": f"carl@{unreachable}", "sender": f"carl@{unreachable}"}, ()),
    ]
    headers = _other_headers(me)
    changes += [(name, {}, ()) for name in headers]
    return [
        Deviation(name, _changed(baseline(number, me, there), change, without), headers.get(name, {}))
        for number, (name, change, without) in enumerate(changes, 1)
    ]


def _other_headers(me: str) -> dict[str, dict[str, str]]:
    """The baseline with a header that is different."""
    rfc9421 = {"Signature": "sig1=:AAAA:", "Signature-Input": RFC9421_INPUT.format(host=me)}
    return {
        "garbage signature": {"Signature": "garbage"},
        "bad cavage signature": {"Signature": BAD_CAVAGE.format(host=me)},
        "RFC9421 signature-input present": rfc9421,
        "content-type charset": {"Content-Type": "application/json; charset=utf-8"},
    }


def _protocol(name: str, **parts: Any) -> dict[str, Any]:
    return {"protocol": {"name": name, **copy.deepcopy(parts)}}


def _changed(body: dict[str, Any], change: dict[str, Any], without: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in {**body, **change}.items() if name not in without}
