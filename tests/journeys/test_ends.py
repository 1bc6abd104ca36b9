"""What ends a received share that its owner took back without a word, and what never does."""

from __future__ import annotations

import pytest
from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.server import audit, outbox, received, rules, schema, shares

LATER = received.CONFIRM_AFTER + 1


@pytest.fixture
async def share(one, two):
    """The ids of an accepted share at both clouds, which marie has opened."""
    one.put("einstein", "note.txt", b"e = mc2")
    ids = await offered(one, two)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 200
    return ids


def taken_back_in_silence(one, share_id):
    one.context.database.write_now(lambda tx: tx.run(schema.shares.delete().where(schema.shares.c.id == share_id)))


def put_back(one, row):
    one.context.database.write_now(lambda tx: tx.run(schema.shares.insert().values(**row._mapping)))


async def later(*clouds):
    for cloud in clouds:
        cloud.context.clock.ahead += LATER
    await settled(*clouds)


async def test_a_share_that_is_confirmed_to_be_gone_ends(one, two, share):
    share_id, received_id = share
    taken_back_in_silence(one, share_id)
    for _ in range(2):
        assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 404
    await settled(two)
    assert two.rows(received.get, received_id).state == "accepted"  # a server that is being restored says the same
    assert [row.kind for row in two.rows(outbox.everything)] == ["confirm"]
    await later(one, two)
    assert two.rows(received.get, received_id).state == "unshared"
    assert (await two.dav("PROPFIND", "marie", "Shares/note.txt", Depth="0")).status == 404
    assert two.rows(outbox.everything) == []
    (told,) = [row for row in two.rows(audit.listing, event="share") if "not there any more" in row.reason]
    assert (told.host, told.account, told.subject) == (one.host, "marie", received_id)


async def test_a_share_that_is_back_is_kept(one, two, share):
    share_id, received_id = share
    row = one.rows(shares.get, share_id)
    taken_back_in_silence(one, share_id)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 404
    put_back(one, row)
    await later(one, two)
    assert two.rows(received.get, received_id).state == "accepted"
    assert two.rows(outbox.everything) == []
    assert (await two.dav("GET", "marie", "Shares/note.txt")).body == b"e = mc2"


async def test_a_share_does_not_end_while_its_server_is_not_well(one, two, share):
    share_id, received_id = share
    taken_back_in_silence(one, share_id)
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status == 404
    database = one.context.database
    database.close()  # discovery answers 503 from now on
    await later(two)
    assert two.rows(received.get, received_id).state == "accepted"
    assert [row.state for row in two.rows(outbox.everything)] == ["due"]


@pytest.mark.parametrize("why", ["denied", "file away"])
async def test_what_passes_is_not_taken_for_an_end(one, two, share, why):
    _, received_id = share
    if why == "denied":
        one.context.database.write_now(lambda tx: rules.put(tx, two.host, incoming="deny"))
    else:
        one.file("einstein", "note.txt").unlink()
    assert (await two.dav("GET", "marie", "Shares/note.txt")).status >= 400
    await later(one, two)
    assert two.rows(received.get, received_id).state == "accepted"
    assert two.rows(outbox.everything) == []
