"""The commands by which an operator decides whom to trust, and sees what came of it."""

from __future__ import annotations

import json

from tests.client.certificates import authority
from tests.server.test_cli import einstein, listed, ocm  # noqa: F401 - fixtures


def test_the_policy_is_shown_and_set(ocm):  # noqa: F811
    shown = listed(ocm, "policy", "show")
    assert shown == {
        "policy": {
            "incoming": ["directory", "invited", "stranger"],
            "outgoing": ["anybody"],
            "signatures": ["expected"],
            "tokens": ["demanded"],
            "accept": [],
        },
        "rules": [],
    }
    ocm("policy", "set", "incoming", "invited", "directory")
    ocm("policy", "set", "outgoing", "nobody")
    ocm("policy", "set", "signatures", "required")
    shown = listed(ocm, "policy", "show")["policy"]
    assert (shown["incoming"], shown["outgoing"]) == (["directory", "invited"], [])
    text = ocm("policy", "show")
    assert "outgoing:   nobody" in text
    assert "signatures: required" in text
    assert "Write one of: required" in ocm("policy", "set", "signatures", "maybe", code=1)
    assert "Write any of" in ocm("policy", "set", "incoming", "invited", "everybody", code=1)
    ocm("policy", "set", "nonsense", "x", code=2)
    assert listed(ocm, "policy", "show")["policy"] == shown


def test_one_server_is_decided_about_and_the_decision_taken_back(ocm, tmp_path):  # noqa: F811
    ocm("peer", "deny", "https://Bad.Example/")
    ocm("peer", "allow", "--in", "*.good.example")
    ocm("peer", "deny", "--out", "*.good.example")
    ocm("peer", "signatures", "old.example", "optional")
    ocm("peer", "allow-private", "cloud.lan:8443")
    ca = authority(tmp_path)
    ocm("peer", "pin-ca", "cloud.lan:8443", str(ca.file))
    rules = {row.pop("pattern"): row for row in listed(ocm, "policy", "show")["rules"]}
    nothing = {"incoming": None, "outgoing": None, "signatures": None, "private": False, "ca": False}
    assert rules == {
        "*.good.example": nothing | {"incoming": "allow", "outgoing": "deny"},
        "bad.example": nothing | {"incoming": "deny", "outgoing": "deny"},
        "cloud.lan:8443": nothing | {"private": True, "ca": True},
        "old.example": nothing | {"signatures": "optional"},
    }
    ocm("peer", "reset", "bad.example")
    ocm("peer", "reset", "bad.example", code=1)
    ocm("peer", "signatures", "old.example", "default")
    assert "bad.example" not in ocm("policy", "show")
    ocm("peer", "allow", "no host", code=1)
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    assert "holds no certificate" in ocm("peer", "pin-ca", "cloud.lan", str(empty), code=1)
    assert "cloud.lan " not in ocm("policy", "show")


def test_what_is_refused_by_the_policy_is_in_the_audit_trail(einstein):  # noqa: F811
    einstein("peer", "deny", "bad.example")
    told = einstein("share", "note.txt", "marie@bad.example", "--as", "einstein", code=1)
    assert "does not allow contact with bad.example" in told
    assert json.loads(einstein("shares", "--json")) == []
    rows = [(row["event"], row["direction"], row["outcome"], row["host"], row["account"])
            for row in listed(einstein, "audit")]  # fmt: skip
    assert rows == [
        ("account", "here", "done", "", "einstein"),
        ("policy", "here", "done", "bad.example", ""),
        ("share", "out", "refused", "bad.example", "einstein"),
    ]
    assert [row["event"] for row in listed(einstein, "audit", "--event", "share", "--host", "bad.example")] == ["share"]
    assert [row["event"] for row in listed(einstein, "audit", "--limit", "1")] == ["share"]
    assert listed(einstein, "audit", "--as", "lise") == []
    assert "bad.example" in einstein("audit")
