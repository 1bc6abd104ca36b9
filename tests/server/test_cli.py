"""The command line: as a person and as a script use it, on both databases."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from contextlib import closing

import pytest
from click.testing import CliRunner
from tests.mesh import PASSWORD

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.invites import decode
from opencloudmesh.server import audit, links, news, share_requests
from opencloudmesh.server import config as settings
from opencloudmesh.server.cli import main
from opencloudmesh.server.database import Database
from opencloudmesh.server.keys import load


@pytest.fixture
def ocm(tmp_path, new_database_url):
    """Runs a command on a data folder; what it printed, and as `error` what it complained about."""
    data = tmp_path / "data"
    database_url = new_database_url(bare=True)
    environment = {"OCM_DATA": str(data), "OCM_PASSWORD": PASSWORD, "OCM_DATABASE_URL": database_url}
    environment["OCM_PUBLIC_URL"] = "https://one.example"

    def run(*words, code=0, **more):
        result = CliRunner().invoke(main, words, env=environment | more)
        assert result.exit_code == code, result.output
        return result.stdout if code == 0 else result.stderr

    run.data = data
    run.url = settings.load({}, environment).database_url
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
    row = {"id": "einstein", "name": "Albert Einstein", "email": "albert@one.example", "quota": None, "language": ""}
    row["operator"] = False
    assert listed(einstein, "user", "list") == [row]
    assert "There is a user" in einstein("user", "add", "Einstein", code=1)
    einstein("user", "passwd", "einstein", OCM_PASSWORD="another one")
    set_aside = einstein.data / "removed" / "einstein"
    assert f"Their files are in {set_aside}." in einstein("user", "remove", "einstein")
    assert einstein("user", "list") == "none\n"
    assert (set_aside / "files" / "note.txt").read_text() == "e = mc2"
    einstein("user", "add", "einstein")
    assert list((einstein.data / "files" / "einstein").iterdir()) == []
    assert "no user" in einstein("user", "remove", "nobody", code=1)
    assert [place.name for place in set_aside.parent.iterdir()] == ["einstein"]


def test_a_folder_that_is_made_is_said_so(ocm):
    said = f"There was no {ocm.data}: a new cloud begins there."
    assert said in ocm("user", "remove", "nobody", code=1)
    assert said not in ocm("user", "remove", "nobody", code=1)


def test_a_person_has_a_quota_or_none(einstein):
    for size, quota in {"0.5": 500_000_000, "10": 10_000_000_000, "none": None}.items():
        einstein("user", "quota", "einstein", size)
        assert [row["quota"] for row in listed(einstein, "user", "list")] == [quota]
    for size in ("nan", "-1", "much", "1e30"):
        assert "in gigabytes" in einstein("user", "quota", "einstein", "--", size, code=1)
    assert [row["quota"] for row in listed(einstein, "user", "list")] == [None]


def test_groups_of_people(einstein):
    einstein("user", "add", "lise")
    assert "physics@one.example" in einstein("group", "add", "physics", "--name", "Physicists")
    assert einstein("group", "join", "physics", "einstein", "lise") == "Physicists: einstein, lise.\n"
    assert "no user" in einstein("group", "join", "physics", "nobody", code=1)
    assert "not in the group" in einstein("group", "leave", "physics", "lise", "nobody", code=1)  # nobody has left
    assert listed(einstein, "group", "list") == [
        {"id": "physics", "name": "Physicists", "members": ["einstein", "lise"]}
    ]
    assert "einstein,lise" in einstein("group", "list")
    assert einstein("group", "leave", "physics", "einstein", "lise") == "Physicists: nobody.\n"
    assert "There is a group" in einstein("user", "add", "Physics", code=1)
    einstein("group", "remove", "physics")
    assert einstein("group", "list") == "none\n"


def test_a_removed_persons_files_go_when_told(einstein):
    einstein("user", "remove", "einstein", "--with-files")
    assert not (einstein.data / "files" / "einstein").exists()


def test_removing_a_person_tells_those_they_shared_with(einstein):
    einstein("share", "note.txt", "marie@two.example", "--as", "einstein")
    einstein("user", "remove", "einstein")
    assert {row["kind"] for row in listed(einstein, "outbox")} == {"share", "notification"}
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
        (("share", "../einstein/note.txt", "marie@two.example", "--as", "einstein"), "A name is not"),
        (("share", "note.txt", "marie", "--as", "einstein"), "name@cloud.example"),
        (("share", "note.txt", "einstein@one.example", "--as", "einstein"), "own address"),
        (("share", "note.txt", "marie@two.example", "--as", "nobody"), "no user"),
        (("accept", "x"), "no such share"),
        (("decline", "x"), "no such share"),
        (("unshare", "x"), "no such share"),
        (("user", "remove", "nobody"), "no user"),
        (("discover", "not a host"), "not the name"),
        (("discover", "10.1.2.3"), "ocm peer allow-private 10.1.2.3"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(einstein, words, said):
    error = einstein(*words, code=1)
    assert said in error
    assert "Traceback" not in error
    assert listed(einstein, "shares") == []
    assert listed(einstein, "outbox") == []


def test_whose_each_share_is_stands_beside_it_where_nobody_is_named(einstein):
    einstein("user", "add", "lise")
    (einstein.data / "files" / "lise" / "fission.txt").write_text("U")
    einstein("share", "note.txt", "marie@two.example", "--as", "einstein", "--expires", "2099-12-15")
    einstein("share", "fission.txt", "marie@two.example", "--as", "lise")
    head, *rows = [line.split() for line in einstein("shares").splitlines()]
    assert (head[0], head[6]) == ("person", "expiration")
    assert {row[0]: row[6] for row in rows} == {"einstein": "2099-12-15", "lise": "-"}
    assert {row["person"]: row["path"] for row in listed(einstein, "shares")} == {
        "einstein": "note.txt", "lise": "fission.txt",
    }  # fmt: skip
    head, row = [line.split() for line in einstein("shares", "--as", "lise").splitlines()]
    assert (head[0], row[2]) == ("id", "fission.txt")


def test_what_somebody_has_whom_nobody_knows_is_not_none(ocm):
    lists = [f"{noun} list" for noun in ("contacts", "invite", "circle", "link", "request", "news", "ssh-key", "copy")]
    for words in ("shares", "received", "circle shares", "request sent", *lists):
        assert "no user 'ghost'" in ocm(*words.split(), "--as", "ghost", code=1)


def test_a_share_is_changed(einstein):
    words = ["share", "note.txt", "marie@two.example", "--as", "einstein", "--expires", "2099-12-31", "--json"]
    share = json.loads(einstein(*words))
    assert share["expiration"] == 4_102_444_799
    for options, permissions, expiration in (
        (["--write"], ["read", "write"], 4_102_444_799),
        (["--reshare", "--expires", "2098-12-31"], ["read", "share", "write"], 4_070_908_799),
        (["--read-only", "--expires", "never"], ["read", "share"], None),
        (["--no-reshare"], ["read"], None),
        ([], ["read"], None),
    ):
        changed = json.loads(einstein("change", share["id"], *options, "--json"))
        assert (changed["permissions"], changed["expiration"]) == (permissions, expiration)
    before = listed(einstein, "shares")
    assert "as 2026-12-31" in einstein("change", share["id"], "--expires", "soon", code=1)
    assert "expiration: INVALID" in einstein("change", share["id"], "--expires", "2001-01-01", code=1)
    assert "no such share" in einstein("change", "x", "--write", code=1)
    assert listed(einstein, "shares") == before


def test_a_server_is_purged(einstein):
    einstein("share", "note.txt", "marie@two.example", "--as", "einstein")
    einstein("share", "note.txt", "pierre@three.example", "--as", "einstein")
    ended = json.loads(einstein("peer", "purge", "https://Two.example/", "--contacts", "--json"))
    assert ended == {"shares": 1, "received": 0, "requests": 0, "messages": 1, "contacts": 0}
    assert [row["shareWith"] for row in listed(einstein, "shares")] == ["pierre@three.example"]
    assert [row["host"] for row in listed(einstein, "outbox")] == ["three.example"]
    assert "not the name of a server" in einstein("peer", "purge", "*.example", code=1)
    assert [row["host"] for row in listed(einstein, "outbox")] == ["three.example"]
    said = einstein("peer", "purge", "two.example")
    assert [line.split() for line in said.splitlines()] == [list(ended), ["0"] * 5]


def test_serve_wants_to_know_its_address(ocm):
    assert "--public-url" in ocm("serve", code=1, OCM_PUBLIC_URL="")
    assert "--development" in ocm("serve", code=1, OCM_PUBLIC_URL="http://one.example")


def test_whoever_reads_no_further_is_told_nothing(einstein):
    words = [sys.executable, "-c", "from opencloudmesh.server.cli import main; main()", "user", "list"]
    environment = os.environ | {"OCM_DATA": str(einstein.data), "OCM_DATABASE_URL": einstein.url}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        command.stdout.close()
        assert command.stderr.read() == b""


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


@pytest.fixture
def keys(ocm):
    """A data folder with keys, as after a first start."""
    load(ocm.data, "https://one.example", time.time)
    return ocm


def audited(ocm):
    database = Database(ocm.url)
    try:
        rows = database.read_now(lambda tx: audit.listing(tx, event="keys"))
    finally:
        database.close()
    assert {(row.direction, row.outcome, row.host) for row in rows} <= {("here", "done", "")}
    return [(row.subject, row.reason) for row in rows]


def test_keys_are_listed_rotated_and_revoked_and_that_is_in_the_audit_trail(keys):
    first, rsa = listed(keys, "keys", "list")
    assert (first["name"], first["kid"], first["kind"]) == ("ed25519-1", "one.example#ed25519-1", "ed25519")
    assert (first["state"], first["published"], first["until"]) == ("current", True, None)
    assert rsa["kid"] == "https://one.example/ocm#signature"
    rotated = {row["name"]: row for row in listed(keys, "keys", "rotate")}
    assert {name: row["state"] for name, row in rotated.items()} == {
        "ed25519-1": "current", "ed25519-2": "next", "rsa-1": "current", "rsa-2": "next",
    }  # fmt: skip
    assert {name for name, row in rotated.items() if row["published"]} == {"ed25519-1", "ed25519-2", "rsa-1"}
    assert rotated["ed25519-1"]["until"] == rotated["ed25519-2"]["until"]
    assert "--now" in keys("keys", "rotate", code=1)
    assert "one.example#ed25519-2" in keys("keys", "rotate", "--now")
    ended = listed(keys, "keys", "revoke", "one.example#ed25519-1")
    assert all(row["until"] for row in ended if row["state"] in ("gone", "revoked"))
    states = {row["name"]: row["state"] for row in ended}
    assert states == {"ed25519-1": "revoked", "ed25519-2": "current", "rsa-1": "gone", "rsa-2": "current"}
    assert listed(keys, "keys", "revoke", "rsa-2")[-1]["name"] == "rsa-3"
    assert audited(keys) == [
        ("one.example#ed25519-2", "It was made, and signs in two hours."),
        ("https://one.example/ocm#signature-2", "It was made, and signs in two hours."),
        ("one.example#ed25519-2", "It signs from now on."),
        ("https://one.example/ocm#signature-2", "It signs from now on."),
        ("one.example#ed25519-1", "It was revoked."),
        ("https://one.example/ocm#signature-2", "It was revoked."),
        ("https://one.example/ocm#signature-3", "It was made in place of a revoked one, and signs from now on."),
    ]


def test_what_cannot_be_done_with_keys_is_said_in_a_sentence_and_not_in_the_audit_trail(ocm):
    assert ocm("keys", "list") == "none\n"
    assert "There are no keys yet" in ocm("keys", "rotate", code=1)
    load(ocm.data, "https://one.example", time.time, "sesame")
    for words, said in (
        (("keys", "revoke", "nothing"), "There is no key nothing"),
        (("keys", "rotate"), "set OCM_KEYS_PASSPHRASE"),
        (("keys", "revoke", "ed25519-1"), "set OCM_KEYS_PASSPHRASE"),
    ):
        error = ocm(*words, code=1)
        assert said in error
        assert "Traceback" not in error
    assert [row["state"] for row in listed(ocm, "keys", "list")] == ["current", "current"]
    assert audited(ocm) == []
    ocm("keys", "revoke", "ed25519-1", OCM_KEYS_PASSPHRASE="sesame")
    assert len(audited(ocm)) == 2


@pytest.mark.parametrize(
    ("passphrase", "said"), [("", "set OCM_KEYS_PASSPHRASE"), ("wrong", "OCM_KEYS_PASSPHRASE does not open")]
)
def test_serve_says_in_a_sentence_that_it_cannot_read_its_keys(ocm, passphrase, said):
    load(ocm.data, "https://one.example", time.time, "sesame")
    error = ocm("serve", code=1, OCM_KEYS_PASSPHRASE=passphrase)
    assert error.startswith("Error: ")
    assert said in error
    assert len(error.splitlines()) == 1
    assert "sesame" not in error


def test_a_link_is_made_and_removed(einstein):
    words = ("link", "create", "note.txt", "--as", "einstein", "--write", "--description", "my paper", "--json")
    link = json.loads(einstein(*words))
    assert (link["state"], link["path"], link["resourceType"]) == ("open", "note.txt", "file")
    assert (link["permissions"], link["description"]) == (["read", "write"], "my paper")
    assert link["url"].startswith("https://one.example/ask/")
    assert listed(einstein, "link", "list", "--as", "einstein") == [link]
    assert "no such" in einstein("link", "create", "nothing.txt", "--as", "einstein", code=1)
    assert "no user" in einstein("link", "create", "note.txt", "--as", "nobody", code=1)
    einstein("link", "remove", link["id"], "--as", "einstein")
    assert einstein("link", "list", "--as", "einstein") == "none\n"


def test_requests_are_answered(einstein):
    einstein("link", "create", "work", "--as", "einstein")
    with closing(Database(einstein.url)) as database:
        for who in ("marie", "fritz"):
            address = Address(who, "two.example")
            database.write_now(
                lambda tx, address=address: share_requests.ask(
                    tx, links.listing(tx, "einstein")[0], address, own_host="one.example"
                )
            )
    rows = {row["address"]: row for row in listed(einstein, "request", "list", "--as", "einstein")}
    assert {row["state"] for row in rows.values()} == {"open"}
    assert "typed" in einstein("request", "list", "--as", "einstein")
    granted, refused = rows["marie@two.example"]["id"], rows["fritz@two.example"]["id"]
    assert "granted" in einstein("request", "grant", granted, "--as", "einstein")
    assert "refused" in einstein("request", "refuse", refused, "--as", "einstein")
    assert "cannot be" in einstein("request", "refuse", granted, "--as", "einstein", code=1)
    (share,) = listed(einstein, "shares")
    assert (share["shareWith"], share["resourceType"], share["path"]) == ("marie@two.example", "folder", "work")


def test_an_invite_is_mailed_where_the_cloud_sends_mail(einstein):
    words = ("invite", "create", "--as", "einstein", "--email", "marie@mail.example", "--json")
    assert "sends no mail" in einstein(*words, code=1)
    assert listed(einstein, "outbox") == []
    made = json.loads(einstein(*words, "--days", "7", OCM_MAIL_FROM="cloud@one.example"))
    assert (made["email"], made["mail"]) == ("marie@mail.example", "waiting")
    assert made["expiration"] - made["created"] == 7 * 86_400
    assert [(row["kind"], row["host"]) for row in listed(einstein, "outbox")] == [("mail", "")]
    assert "Invalid value" in einstein("invite", "create", "--as", "einstein", "--days", "0", code=2)


def test_contacts_are_written_down_found_blocked_and_forgotten(einstein):
    as_einstein = ("--as", "einstein")
    einstein("contacts", "add", "marie@Two.example", "--name", "Marie Curie", *as_einstein)
    (row,) = listed(einstein, "contacts", "list", *as_einstein)
    assert (row["address"], row["source"], row["blocked"]) == ("marie@two.example", "direct entry", False)
    assert listed(einstein, "contacts", "list", "--search", "CURIE", *as_einstein) == [row]
    assert listed(einstein, "contacts", "list", "--search", "nobody", *as_einstein) == []
    einstein("contacts", "block", row["id"], *as_einstein)
    assert listed(einstein, "contacts", "list", *as_einstein)[0]["blocked"]
    einstein("contacts", "unblock", "marie@two.example", *as_einstein)
    assert not listed(einstein, "contacts", "list", *as_einstein)[0]["blocked"]
    einstein("contacts", "remove", "marie@two.example", *as_einstein)
    assert listed(einstein, "contacts", "list", *as_einstein) == []
    for word in ("block", "unblock", "remove"):
        assert "no such contact" in einstein("contacts", word, "marie@two.example", *as_einstein, code=1)
    assert "no user" in einstein("contacts", "add", "marie@two.example", "--as", "nobody", code=1)


@pytest.mark.parametrize("kind", ["jscontact", "vcard"])
def test_an_address_book_goes_from_one_person_to_another(einstein, kind):
    einstein("user", "add", "lise")
    einstein("contacts", "add", "marie@two.example", "--name", "Märie", "--as", "einstein")
    einstein("contacts", "add", "lise@one.example", "--as", "einstein")
    book = einstein.data / "book"
    book.write_text(einstein("contacts", "export", "--format", kind, "--as", "einstein"))
    assert "2 were read, 1 of them are new." in einstein("contacts", "import", str(book), "--as", "lise")
    assert [row["name"] for row in listed(einstein, "contacts", "list", "--as", "lise")] == ["Märie"]
    book.write_text("nonsense")
    assert "not valid JSON" in einstein("contacts", "import", str(book), "--as", "lise", code=1)


def test_removing_a_person_tells_the_servers_that_know_them(einstein):
    einstein("contacts", "add", "marie@two.example", "--as", "einstein")
    einstein("user", "remove", "einstein")
    assert listed(einstein, "outbox") == []  # they knew nobody by an invite


def test_where_the_name_of_the_data_folder_came_from_is_said(ocm):
    assert f"data  {ocm.data}  environment".split() in [line.split() for line in ocm("settings").splitlines()]
    said = ocm("settings", "--data", str(ocm.data), OCM_DATA="/nowhere")
    assert f"data  {ocm.data}  option".split() in [line.split() for line in said.splitlines()]


def test_no_secret_is_among_the_settings_that_are_listed(einstein):
    secret = "a pass-word"
    shown = einstein("settings", OCM_SMTP="smtps://cloud:a%20pass-word@mail.example", OCM_MAIL_FROM="c@one.example")
    assert "c@one.example" in shown
    assert "(not shown)" in shown
    assert not any(word in shown for word in (secret, "a%20pass-word", "mail.example", "postgresql"))


def test_a_person_asks_others(einstein):
    url = "https://two.example/files/radium.csv"
    asked = ("request", "ask", "marie@two.example", url, "--as", "einstein")
    assert "waiting" in einstein(*asked)
    (row,) = listed(einstein, "request", "sent", "--as", "einstein")
    assert (row["owner"], row["share"], row["state"]) == ("marie@two.example", url, "waiting")
    assert [row["kind"] for row in listed(einstein, "outbox")] == ["request"]
    assert "share: INVALID" in einstein("request", "ask", "marie@two.example", "a\nb", "--as", "einstein", code=1)
    einstein("request", "withdraw", row["id"], "--as", "einstein")
    assert einstein("request", "sent", "--as", "einstein") == "none\n"
    assert einstein("outbox") == "none\n"


def test_the_keys_of_a_person_are_added_and_removed(einstein):
    key = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)).decode()
    as_einstein = ("--as", "einstein")
    added = listed(einstein, "ssh-key", "add", f"{key} violin", *as_einstein)
    assert (added["name"], added["key"]) == ("violin", key)
    assert [row["id"] for row in listed(einstein, "ssh-key", "list", *as_einstein)] == [added["id"]]
    assert einstein("ssh-key", "add", "no key", *as_einstein, code=1)
    assert "no user" in einstein("ssh-key", "add", key, "--as", "nobody", code=1)
    einstein("ssh-key", "remove", added["id"], *as_einstein)
    assert "no such key" in einstein("ssh-key", "remove", added["id"], *as_einstein, code=1)
    assert einstein("ssh-key", "list", *as_einstein) == "none\n"


def test_news_are_listed_and_read(einstein):
    with closing(Database(einstein.url)) as database:
        for name in ("a.txt", "b.txt"):
            database.write_now(lambda tx, name=name: news.tell(tx, "einstein", news.OFFERED, subject=name, name=name))
    newest, oldest = listed(einstein, "news", "list", "--as", "einstein")
    assert (newest["subject"], newest["read"], oldest["subject"]) == ("b.txt", False, "a.txt")
    assert "wants to share “b.txt” with you." in einstein("news", "list", "--as", "einstein")
    einstein("news", "read", str(newest["id"]), "--as", "einstein")
    assert [row["subject"] for row in listed(einstein, "news", "list", "--as", "einstein", "--unread")] == ["a.txt"]
    assert "no such notification" in einstein("news", "read", "99", "--as", "einstein", code=1)
    einstein("news", "read", "--as", "einstein")
    assert listed(einstein, "news", "list", "--as", "einstein", "--unread") == []
    assert "no user" in einstein("news", "list", "--as", "nobody", code=1)


def test_operators_are_made_and_unmade_and_that_is_in_the_audit_trail(einstein):
    einstein("user", "add", "lise", "--operator")
    einstein("user", "operator", "einstein", "on")
    assert {row["id"]: row["operator"] for row in listed(einstein, "user", "list")} == {"einstein": True, "lise": True}
    for name in ("einstein", "lise"):
        einstein("user", "operator", name, "off")  # who is at the machine may do everything
    assert not any(row["operator"] for row in listed(einstein, "user", "list"))
    assert "no user" in einstein("user", "operator", "nobody", "on", code=1)
    reasons = [row["reason"] for row in listed(einstein, "audit", "--event", "account", "--as", "einstein")]
    assert reasons == ["added", "is an operator now", "is no operator any more"]
    assert listed(einstein, "audit", "--outcome", "refused") == []


def test_a_message_is_tried_again_or_dropped(einstein):
    einstein("share", "note.txt", "marie@two.example", "--as", "einstein")
    (message,) = listed(einstein, "outbox")
    einstein("message", "retry", str(message["id"]))
    einstein("message", "drop", str(message["id"]))
    assert listed(einstein, "outbox") == []
    (share,) = listed(einstein, "shares")
    assert (share["state"], "stopped the attempts" in share["error"]) == ("failed", True)
    assert "no such message" in einstein("message", "drop", str(message["id"]), code=1)
    reasons = [row["reason"] for row in listed(einstein, "audit", "--host", "two.example")]
    assert reasons == ["share: tried again", "share: dropped"]


def test_the_link_for_the_first_operator_is_printed_while_there_is_nobody(ocm):
    link = ocm("welcome").strip()
    assert link.startswith("https://one.example/welcome?token=")
    assert ocm("welcome").strip() != link
    assert "Set OCM_PUBLIC_URL" in ocm("welcome", code=1, OCM_PUBLIC_URL="")
    ocm("user", "add", "einstein")
    assert "has an account here already" in ocm("welcome", code=1)
