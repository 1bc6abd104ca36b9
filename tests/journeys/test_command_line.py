"""Commands on the data folders of running servers: these tell the peers."""

from __future__ import annotations

import json

from click.testing import CliRunner
from tests.mesh import settled

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
    await settled(one, two)
    assert {row["path"]: row["state"] for row in await one.api("GET", "shares", who="einstein")} == {
        "note.txt": "accepted",
        "other.txt": "declined",
    }
    assert [row["host"] for row in run("peers")] == [one.host]
