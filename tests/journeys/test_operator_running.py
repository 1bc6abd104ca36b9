"""The outbox, the audit trail, settings and keys, as operators see and change them."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import quote

import pytest
from tests.browsing import EVIL, harmless
from tests.journeys.test_operator import decided
from tests.mesh import serve, settled

from opencloudmesh.server import accounts, audit, keyfolder, outbox, shares

AWAY = "nobody@localhost:9"
WEEK = 8 * 86_400


async def offered_to_nobody(cloud):
    """A share that waits because its recipient's server is away."""
    cloud.put("einstein", "note.txt", b"e = mc2")
    share = await cloud.api("POST", "shares", {"path": "note.txt", "shareWith": AWAY}, who="einstein")
    await settled(cloud)
    (row,) = cloud.rows(outbox.everything)
    return share["id"], row.id


# The outbox


async def test_what_waits_is_shown_tried_now_and_dropped(one, lise):
    share_id, row_id = await offered_to_nobody(one)
    page = await lise.open("/operator/outbox")
    assert harmless(page)
    for text in ("1 waiting, 0 given up", "A share is offered to localhost:9", "note.txt of einstein",
                 "localhost:9 did not answer"):  # fmt: skip
        assert text in page.text
    assert "Everything has been told" not in page.text
    assert "None." in (await lise.open("/operator/outbox?state=given-up")).text
    assert "None." in (await lise.open("/operator/outbox?host=two.example")).text
    (message,) = await one.api("GET", "operator/outbox", who="lise")
    assert (message["id"], message["account"], message["name"]) == (row_id, "einstein", "note.txt")
    assert await one.api("GET", f"operator/outbox?after={row_id}", who="lise") == []
    await one.api("GET", "operator/outbox?state=nonsense", who="lise", status=400)

    await lise.submit(page.form(f"/operator/outbox/{row_id}/retry"))
    assert [row.id for row in one.rows(outbox.due)] == [row_id]
    page = await lise.open(f"/operator/outbox/{row_id}/drop")
    assert "never gets the share" in page.text
    await lise.submit(page.form(".*/drop"))
    assert one.rows(outbox.everything) == []
    share = one.rows(shares.get, share_id)
    assert (share.state, share.error) == ("failed", "The operator of this cloud has stopped the attempts to tell it.")
    for path in (f"{row_id}/retry", f"{row_id}/drop", "x/drop", "-1/retry"):
        await lise.submit(f"/operator/outbox/{path}", 404)
    assert decided(one) == [
        ("lise", "outbox", "localhost:9", "share: tried again"),
        ("lise", "outbox", "localhost:9", "share: dropped"),
    ]


async def test_what_was_given_up_is_tried_anew(one, two, lise):
    one.put("einstein", "note.txt", b"e = mc2")
    one.context.database.write_now(
        lambda tx: outbox.put(tx, host=two.host, kind=outbox.NOTIFICATION, subject="gone", message={"type": "X"})
    )
    body = {"path": "note.txt", "shareWith": two.address("marie")}
    share_id = (await one.api("POST", "shares", body, who="einstein"))["id"]

    def give_up(tx):
        for row in outbox.everything(tx):
            outbox.give_up(tx, row.id, EVIL)
        shares.not_delivered(tx, share_id, EVIL, final=True)

    one.context.database.write_now(give_up)
    one.context.clock.ahead = two.context.clock.ahead = WEEK
    page = await lise.open("/operator/outbox?state=given-up")
    assert harmless(page)
    assert EVIL in page.text
    for row in one.rows(outbox.everything):
        if row.kind == outbox.SHARE:
            await one.api("POST", f"operator/outbox/{row.id}/retry", who="lise", status=204)
        else:
            await one.api("DELETE", f"operator/outbox/{row.id}", who="lise", status=204)
    assert one.rows(shares.get, share_id).state == "pending"
    (row,) = one.rows(outbox.everything)
    assert one.context.clock() - row.created < outbox.GIVE_UP_AFTER  # the week begins anew
    await settled(one, two)
    assert one.rows(shares.get, share_id).state == "sent"
    assert one.rows(outbox.everything) == []


async def test_what_was_shared_anew_meanwhile_is_not_told_twice(one, lise):
    share_id, row_id = await offered_to_nobody(one)

    def give_up(tx):
        outbox.give_up(tx, row_id, "a week")
        shares.not_delivered(tx, share_id, "a week", final=True)

    one.context.database.write_now(give_up)
    await one.api("POST", "shares", {"path": "note.txt", "shareWith": AWAY}, who="einstein")
    before = one.stored()
    assert "is shared with nobody@localhost:9 anew" in (await lise.submit(f"/operator/outbox/{row_id}/retry", 409)).text
    assert one.stored() == before


async def test_a_dropped_mail_is_no_sent_one(tmp_path):
    settings = {"smtp": "smtp://localhost:9", "mail_from": "cloud@cloud.example"}
    async with serve(tmp_path / "cloud", **settings) as cloud:
        cloud.add("lise", operator=True)
        invite = await cloud.api("POST", "invites", {"email": "marie@two.example"}, who="lise")
        (row,) = cloud.rows(outbox.everything)
        await cloud.api("DELETE", f"operator/outbox/{row.id}", who="lise", status=204)
        (shown,) = await cloud.api("GET", "invites", who="lise")
        assert (shown["id"], shown["mail"]) == (invite["id"], "failed")
        assert "stopped the attempts" in shown["error"]


# The audit trail


def told(cloud, number):
    def write(tx):
        for index in range(number):
            audit.record(tx, "policy", "here", host=f"c{index}.example", reason=f"={index}")

    cloud.context.database.write_now(write)


async def test_the_audit_trail_is_read_a_page_at_a_time_newest_first(one, lise):
    told(one, 250)
    seen, path = [], "operator/audit"
    while rows := await one.api("GET", path, who="lise"):
        seen += [row["reason"] for row in rows]
        told(one, 1)  # what comes meanwhile moves nothing
        path = f"operator/audit?before={rows[-1]['place']}"
    assert seen == [f"={index}" for index in reversed(range(250))]
    page = await lise.open("/operator/audit?event=policy&host=c7.example")
    assert "=7" in page.text
    assert "=8" not in page.text
    page = await lise.open("/operator/audit?event=policy")
    (rest,) = [link for link in page.links if "before=" in link]
    assert "event=policy" in rest
    await lise.open(rest)
    await one.api("GET", "operator/audit?before=x", who="lise", status=400)


async def test_the_audit_trail_is_filtered(one, lise):
    def write(tx):
        audit.record(tx, "share", "in", host="a.example", account="einstein", who=EVIL, reason=EVIL)
        audit.record(tx, "share", "in", "refused", host="b.example", account="marie", reason="no")
        audit.record(tx, "policy", "here", host="b.example", by="einstein", reason="mine")

    one.context.database.write_now(write)
    now = int(one.context.clock())

    async def found(query):
        return [row["host"] + row["event"] for row in await one.api("GET", f"operator/audit?{query}", who="lise")]

    assert await found("host=b.example") == ["b.examplepolicy", "b.exampleshare"]
    assert await found("account=einstein") == ["b.examplepolicy", "a.exampleshare"]  # about them, and by them
    assert await found("outcome=refused&event=share") == ["b.exampleshare"]
    assert await found(f"until={now - 9_999}") == await found(f"since={now + 9_999}") == []
    for wrong in ("event=x", "outcome=x", "since=x", "until=-1"):
        await one.api("GET", f"operator/audit?{wrong}", who="lise", status=400)
    page = await lise.open("/operator/audit?account=einstein")
    assert harmless(page)
    assert EVIL in page.text
    assert "by einstein" in page.text
    assert "Nothing." in (await lise.open("/operator/audit?last=2020-01-01")).text
    assert "mine" in (await lise.open("/operator/audit?first=2020-01-01&last=2090-01-01")).text
    await lise.open("/operator/audit?first=yesterday", 400)


async def test_the_audit_trail_is_exported_whole_and_harmless(one, lise, monkeypatch):
    monkeypatch.setattr("opencloudmesh.server.web.operator.audit.CHUNK", 10)
    told(one, 25)

    def write(tx):
        for reason in ('=HYPERLINK("http://evil.example")', "@SUM(1)", "+1", "-1", "\t=1", 'a, "b"\nc', "plain"):
            audit.record(tx, "share", "in", host="evil.example", who="=1@evil.example", reason=reason)

    one.context.database.write_now(write)
    answer = await lise.send("GET", "/operator/audit/export?format=csv&host=evil.example")
    assert answer.headers.get("content-type") == "text/csv; charset=utf-8"
    assert answer.headers.get("content-disposition") == 'attachment; filename="audit.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.body.decode(), newline="")))
    assert [row["reason"] for row in rows] == ["plain", 'a, "b"\nc', "'\t=1", "'-1", "'+1", "'@SUM(1)",
                                               "'=HYPERLINK(\"http://evil.example\")"]  # fmt: skip
    assert {row["who"] for row in rows} == {"'=1@evil.example"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t"))]
    whole = await lise.send("GET", "/operator/audit/export?format=csv")
    assert len(list(csv.reader(io.StringIO(whole.body.decode(), newline="")))) == 1 + 32
    answer = await lise.send("GET", "/operator/audit/export?format=jsonl&event=policy")
    assert [json.loads(line)["reason"] for line in answer.body.splitlines()] == [f"={i}" for i in reversed(range(25))]
    await lise.open("/operator/audit/export?format=exe", 400)
    await lise.open("/operator/audit/export?event=x&format=csv", 400)


# Settings and keys


async def test_settings_are_shown_with_their_source_and_never_a_secret(tmp_path):
    settings = {"smtp": "smtp://user:hunter2@mail.example:587", "mail_from": "cloud@cloud.example", "max_message": 5000}
    async with serve(tmp_path / "cloud", **settings) as cloud:
        cloud.add("lise", operator=True)
        shown = {row["name"]: row for row in await cloud.api("GET", "operator/settings", who="lise")}
        assert shown["smtp"] == {"name": "smtp", "value": "(not shown)", "from": "option"}
        assert shown["max_message"] == {"name": "max_message", "value": "5000", "from": "option"}
        assert shown["host"]["from"] == "default"
        assert shown["database_url"]["value"] == "(not shown)"
        assert "hunter2" not in json.dumps(shown)


async def test_keys_are_shown_rotated_and_revoked_while_the_server_runs(one, lise):
    page = await lise.open("/operator/settings")
    assert harmless(page)
    old = [key["kid"] for key in await one.api("GET", "operator/keys", who="lise")]
    assert all(kid in page.text for kid in old)
    for path in (one.data / keyfolder.FOLDER).glob("*.pem"):
        assert path.read_text().splitlines()[1] not in page.html
    page = await lise.submit("/operator/keys/rotate")
    assert "Other servers see the new keys" in page.text
    states = {key["kid"]: key["state"] for key in await one.api("GET", "operator/keys", who="lise")}
    assert sorted(states.values()) == ["current", "current", "next", "next"]
    assert "waiting already" in (await lise.submit("/operator/keys/rotate", 409)).text
    (ed25519,) = [kid for kid in old if "#ed25519" in kid]
    page = await lise.open(f"/operator/keys/revoke?kid={quote(ed25519, safe='')}")
    page = await lise.submit(page.form(".*/revoke"), kid=ed25519)
    assert page.text.count("no end yet") == 1  # of the one that took its place; the others have one, or had
    assert one.context.keys.key_for("rfc9421").kid == f"{one.host}#ed25519-3"
    await lise.submit("/operator/keys/revoke", 404, kid=ed25519)
    await lise.open(f"/operator/keys/revoke?kid={quote(ed25519, safe='')}", 404)
    await one.api("POST", "operator/keys/revoke", {"kid": "nonsense"}, who="lise", status=404)
    rows = [(by, event, reason) for by, event, _, reason in decided(one)]
    assert rows[:2] == [("lise", "keys", "It was made, and signs in two hours.")] * 2
    assert {reason for _, _, reason in rows[2:]} == {
        "It was revoked.", "It was made in place of a revoked one, and signs from now on.",
    }  # fmt: skip


async def test_who_is_no_operator_any_more_makes_no_keys(one, lise):
    one.context.database.write_now(lambda tx: accounts.change(tx, "lise", operator=False))
    before = await one.request("GET", "/.well-known/jwks.json")
    await lise.submit("/operator/keys/rotate", 403, now="yes")
    assert (await one.request("GET", "/.well-known/jwks.json")).body == before.body


@pytest.mark.parametrize("path", ["/operator/audit", "/operator/outbox", "/operator/peers", "/operator/policy"])
async def test_no_page_takes_what_postgresql_does_not(lise, path):
    await lise.open(f"{path}?host=%00&search=%00&after=%00", 400)
