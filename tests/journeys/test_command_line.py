"""Commands on the data folders of running servers: these tell the peers."""

from __future__ import annotations

import asyncio
import json

from click.testing import CliRunner
from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.server import schema
from opencloudmesh.server.cli import main


async def test_a_share_is_accepted_and_declined_beside_running_servers(one, two):
    one.put("einstein", "note.txt", b"e = mc2")
    environment = {"OCM_DATA": str(two.data), "OCM_DATABASE_URL": two.context.config.database_url}
    one.put("einstein", "other.txt", b"2")
    for name in ("note.txt", "other.txt"):
        await one.api("POST", "shares", {"path": name, "shareWith": two.address("marie")}, who="einstein")
    await settled(one, two)

    def run(*words):
        result = CliRunner().invoke(main, [*words, "--json"], env=environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    by_name = {row["name"]: row["id"] for row in run("received")}
    assert run("accept", by_name["note.txt"])["path"] == "Shares/note.txt"
    assert run("decline", by_name["other.txt"])["state"] == "declined"
    removed = CliRunner().invoke(main, ["remove", by_name["other.txt"]], env=environment)
    assert removed.stdout == "other.txt is off the list.\n"
    assert [(row["name"], row["person"]) for row in run("received")] == [("note.txt", "marie")]
    for whose, first in ((["--as", "marie"], "id"), ([], "person")):
        table = CliRunner().invoke(main, ["received", *whose], env=environment).stdout
        assert (table.split()[0], "expiration" in table.splitlines()[0]) == (first, True)
    await settled(one, two)
    assert {row["path"]: row["state"] for row in await one.api("GET", "shares", who="einstein")} == {
        "note.txt": "accepted",
        "other.txt": "declined",
    }
    assert [row["host"] for row in run("peers")] == [one.host]
    assert "failingSince" in CliRunner().invoke(main, ["peers"], env=environment).stdout.splitlines()[0]


async def test_an_invite_is_accepted_and_a_peer_forgotten(one, two):
    def run(server, *words, as_json=True):
        environment = {"OCM_DATA": str(server.data), "OCM_DATABASE_URL": server.context.config.database_url}
        environment |= {"OCM_PUBLIC_URL": server.url, "OCM_DEVELOPMENT": "true"}
        result = CliRunner().invoke(main, [*words, *(["--json"] if as_json else [])], env=environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if as_json else result.stdout

    invite = run(two, "invite", "create", "--as", "marie")["invite"]
    contact = await asyncio.to_thread(run, one, "invite", "accept", invite, "--as", "einstein")
    assert contact["address"] == two.address("marie")
    assert [row["address"] for row in run(two, "contacts", "list", "--as", "marie")] == [one.address("einstein")]
    (peer,) = run(two, "peers")
    assert (peer["host"], peer["signs"]) == (one.host, True)
    run(two, "peer", "forget", one.host, as_json=False)
    assert run(two, "peers") == []


async def test_links_are_made_changed_and_taken_from_another_cloud(one, two):
    def run(server, *words, as_json=True):
        environment = {"OCM_DATA": str(server.data), "OCM_DATABASE_URL": server.context.config.database_url}
        environment |= {"OCM_PUBLIC_URL": server.url, "OCM_DEVELOPMENT": "true", "OCM_LINK_PASSWORD": "open sesame"}
        result = CliRunner().invoke(main, ["link", *words, *(["--json"] if as_json else [])], env=environment)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if as_json else result.stdout

    one.put("einstein", "work/a.txt", b"a")
    mine = ("--as", "einstein")
    made = run(one, "create", "work", *mine, "--mode", "upload", "--password", "--expires", "2099-12-31")
    assert (made["mode"], made["protected"], made["expiration"]) == ("upload", True, 4_102_444_799)
    changed = run(one, "change", made["id"], *mine, "--mode", "read", "--expires", "never", "--description", "Look")
    assert (changed["mode"], changed["protected"], changed["expiration"], changed["description"]) == (
        "read", True, None, "Look",
    )  # fmt: skip
    assert run(one, "list", *mine) == [changed]
    words = ("add", changed["url"], "--as", "marie", "--password")
    said = await asyncio.to_thread(run, two, *words, as_json=False)
    assert said.startswith(f"{one.host} was asked")
    await settled(one, two)
    (offer,) = await two.api("GET", "received", who="marie")
    assert offer["name"] == "work"
    assert run(one, "change", made["id"], *mine, "--no-password")["protected"] is False
    run(one, "remove", made["id"], *mine, as_json=False)
    assert run(one, "list", *mine) == []


async def test_what_was_received_is_copied_and_how_far_it_is_can_be_seen(one, two):
    def run(*words, as_json=True, code=0):
        environment = {"OCM_DATA": str(two.data), "OCM_DATABASE_URL": two.context.config.database_url}
        words = ["copy", *words, "--as", "marie", *(["--json"] if as_json else [])]
        result = CliRunner().invoke(main, words, env=environment)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if as_json and not code else result.output

    one.put("einstein", "work/note.txt", b"e = mc2")
    _, received_id = await offered(one, two, "work")
    two.file("marie", "mine").mkdir()
    job = run("create", received_id, "note.txt", "--into", "mine")
    assert (job["state"], job["path"], job["arrived"]) == ("waiting", "mine/note.txt", 0)
    assert "waiting" in run("list", as_json=False)
    assert run("create", received_id, "note.txt", "--into", "mine")["id"] == job["id"]
    await settled(one, two)
    (row,) = run("list")
    assert (row["id"], row["state"], row["arrived"], row["size"]) == (job["id"], "done", 7, 7)
    assert two.file("marie", "mine/note.txt").read_bytes() == b"e = mc2"
    before = two.stored()
    assert "no such" in run("create", received_id, "--into", "nowhere", code=1)
    assert "no such share" in run("create", "nothing", code=1)
    assert "no such copy" in run("retry", "nothing", code=1)
    assert two.stored() == before
    run("remove", job["id"], as_json=False)
    assert run("list") == []
    two.context.database.write_now(lambda tx: tx.run(schema.received.update().values(requirements=["must-use-mfa"])))
    assert "second factor" in run("create", received_id, code=1)
    assert two.stored()["copies"] == []
