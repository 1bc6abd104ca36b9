"""The command line: as a person and as a script use it, on both databases."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tests.mesh import PASSWORD

from opencloudmesh.protocol.invites import decode
from opencloudmesh.server.cli import main


@pytest.fixture
def ocm(tmp_path, new_database_url):
    """Runs a command on a data folder; what it printed, and as `error` what it complained about."""
    data = tmp_path / "data"
    environment = {"OCM_DATA": str(data), "OCM_PASSWORD": PASSWORD, "OCM_DATABASE_URL": new_database_url(bare=True)}
    environment["OCM_PUBLIC_URL"] = "https://one.example"

    def run(*words, code=0, **more):
        result = CliRunner().invoke(main, words, env=environment | more)
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.stderr

    run.data = data
    return run


@pytest.fixture
def einstein(ocm):
    ocm("user", "add", "einstein", "--name", "Albert Einstein", "--email", "albert@one.example")
    (ocm.data / "files" / "einstein" / "work").mkdir()
    (ocm.data / "files" / "einstein" / "note.txt").write_text("e = mc2")
    return ocm


def listed(ocm, *words):
    return json.loads(ocm(*words, "--json"))


def test_people_come_and_go(einstein):
    row = {"id": "einstein", "name": "Albert Einstein", "email": "albert@one.example", "quota": None}
    assert listed(einstein, "user", "list") == [row]
    assert "There is a user" in einstein("user", "add", "Einstein", code=1)
    einstein("user", "passwd", "einstein", OCM_PASSWORD="another one")
    einstein("user", "remove", "einstein")
    assert einstein("user", "list") == "none\n"
    assert (einstein.data / "files" / "einstein" / "note.txt").exists()


def test_a_removed_persons_files_go_when_told(einstein):
    einstein("user", "remove", "einstein", "--with-files")
    assert not (einstein.data / "files" / "einstein").exists()


def test_removing_a_person_tells_those_they_shared_with(einstein):
    einstein("share", "note.txt", "marie@two.example", "--as", "einstein")
    einstein("user", "remove", "einstein")
    assert [row["kind"] for row in listed(einstein, "outbox")] == ["share", "notification"]
    assert listed(einstein, "shares") == []


def test_a_password_that_is_too_short_is_refused(ocm):
    assert "8 to 1024" in ocm("user", "add", "einstein", code=1, OCM_PASSWORD="short")
    assert ocm("user", "list") == "none\n"


@pytest.mark.parametrize(
    ("options", "permissions"),
    [([], ["read"]), (["--write"], ["read", "write"]), (["--write", "--reshare"], ["read", "share", "write"])],
)
def test_a_share_is_made_and_ended(einstein, options, permissions):
    words = ["share", "note.txt", "marie@two.example", "--as", "einstein", *options, "--json"]
    share = json.loads(einstein(*words))
    assert share["permissions"] == permissions
    assert (share["state"], share["resourceType"]) == ("pending", "file")
    assert [row["host"] for row in listed(einstein, "outbox")] == ["two.example"]
    assert share["id"] in einstein("shares")
    assert "no longer shared" in einstein("unshare", share["id"])
    assert listed(einstein, "shares") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("share", "missing.txt", "marie@two.example", "--as", "einstein"), "no such file"),
        (("share", "../einstein/note.txt", "marie@two.example", "--as", "einstein"), "not allowed"),
        (("share", "note.txt", "marie", "--as", "einstein"), "name@cloud.example"),
        (("share", "note.txt", "einstein@one.example", "--as", "einstein"), "own address"),
        (("share", "note.txt", "marie@two.example", "--as", "nobody"), "no user"),
        (("accept", "x"), "no such share"),
        (("decline", "x"), "no such share"),
        (("unshare", "x"), "no such share"),
        (("user", "remove", "nobody"), "no user"),
        (("discover", "not a host"), "not the name"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(einstein, words, said):
    error = einstein(*words, code=1)
    assert said in error
    assert "Traceback" not in error
    assert listed(einstein, "shares") == []
    assert listed(einstein, "outbox") == []


def test_serve_wants_to_know_its_address(ocm):
    assert "--public-url" in ocm("serve", code=1, OCM_PUBLIC_URL="")
    assert "--development" in ocm("serve", code=1, OCM_PUBLIC_URL="http://one.example")


def test_every_command_has_help(ocm):
    for words in ([], ["serve"], ["user"], ["user", "add"], ["share"], ["discover"]):
        assert "Usage:" in ocm(*words, "--help")


def test_invites_are_made_listed_and_revoked(einstein):
    made = json.loads(einstein("invite", "create", "--as", "einstein", "--description", "for Marie", "--json"))
    token, host = decode(made["invite"])
    assert (host, made["code"]) == ("one.example", f"{token}@{host}")
    assert made["link"] == f"https://one.example/wayf?token={token}"
    assert [row["state"] for row in listed(einstein, "invite", "list", "--as", "einstein")] == ["open"]
    einstein("invite", "revoke", made["id"], "--as", "einstein")
    assert einstein("invite", "list", "--as", "einstein") == "none\n"
    assert "no such invite" in einstein("invite", "revoke", made["id"], "--as", "einstein", code=1)
    assert "no user" in einstein("invite", "create", "--as", "nobody", code=1)
    said = einstein("invite", "create", "--as", "einstein")
    assert [line.split(":")[0] for line in said.splitlines()] == ["id", "link", "invite", "code"]


def test_what_is_no_invite_is_not_accepted(einstein):
    assert "not an invite" in einstein("invite", "accept", "nonsense", "--as", "einstein", code=1)
    assert einstein("contacts", "list", "--as", "einstein") == "none\n"


def test_a_peer_that_is_not_known_cannot_be_forgotten(einstein):
    assert "not known" in einstein("peer", "forget", "two.example", code=1)
