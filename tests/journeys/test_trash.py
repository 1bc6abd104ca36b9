"""Deleted over WebDAV, on the pages or by who it is shared with; restored on the pages and by the API."""

from __future__ import annotations

from tests.browsing import Browser
from tests.journeys.test_shares import offered
from tests.mesh import settled

from opencloudmesh.server import schema, trash
from opencloudmesh.server.trash import DAY


def deleted(server, who="einstein"):
    return {row.path: row.id for row in server.rows(trash.listing, who)}


async def test_what_is_deleted_is_restored_with_a_number_where_its_name_is_taken(one, einstein):
    one.put("einstein", "work/a.txt", b"first")
    await einstein.open("/files/work")
    assert "can be restored for 30 days" in (await einstein.open("/delete/work/a.txt")).text
    page = await einstein.submit("/delete/work/a.txt")
    assert "Deleted. It can be restored from the trash." in page.text
    assert "/trash" in page.links
    one.put("einstein", "work/a.txt", b"second")
    page = await einstein.open("/trash")
    assert "a.txt from work 5 bytes" in page.text
    page = await einstein.submit(page.form("/trash/.*/restore"))
    assert "Restored." in page.text
    assert one.file("einstein", "work/a (2).txt").read_bytes() == b"first"
    # Its folder has gone too, and comes back with it.
    await one.dav("DELETE", "einstein", "work/a.txt")
    await one.dav("DELETE", "einstein", "work")
    assert (await one.dav("PROPFIND", "einstein", "", Depth="1")).body.count(b"<d:response>") == 1
    ids = deleted(one)
    assert set(ids) == {"work", "work/a.txt"}
    assert await one.api("POST", f"trash/{ids['work/a.txt']}/restore", who="einstein") == {"path": "work/a.txt"}
    assert await one.api("POST", f"trash/{ids['work']}/restore", who="einstein") == {"path": "work (2)"}
    assert one.file("einstein", "work (2)/a (2).txt").read_bytes() == b"first"
    assert deleted(one) == {}


async def test_what_is_ticked_is_restored_or_deleted_for_good(one, two, einstein, marie):
    for name in ("a", "b", "c", "d"):
        one.put("einstein", f"work/{name}", name.encode())
        await einstein.submit(f"/delete/work/{name}")
    two.put("marie", "hers", b"x")
    await marie.submit("/delete/hers")
    ids = deleted(one)
    page = await einstein.open("/trash")
    assert {values["value"] for _, values in page.tags if values.get("form") == "chosen"} == set(ids.values())
    page = await einstein.submit("/trash/chosen", id=[ids["work/a"], ids["work/b"]], do="restore")
    assert "Restored." in page.text
    assert (one.file("einstein", "work/a").read_bytes(), one.file("einstein", "work/b").read_bytes()) == (b"a", b"b")
    assert "Tick the boxes" in (await einstein.submit("/trash/chosen", 400, do="delete")).text
    before = deleted(one), deleted(two, "marie")
    await einstein.submit("/trash/chosen", 400, id=ids["work/c"], do="nonsense")
    await einstein.submit("/trash/chosen", 404, id=[deleted(two, "marie")["hers"], ids["work/c"]], do="burn")
    await einstein.submit("/trash/chosen", 403, {"Origin": "https://evil.example"}, id=ids["work/c"], do="burn")
    assert (deleted(one), deleted(two, "marie")) == before
    # The first is gone for good, and what is not there any more is told.
    await einstein.submit("/trash/chosen", 404, id=[ids["work/c"], ids["work/a"], ids["work/d"]], do="burn")
    assert set(deleted(one)) == {"work/d"}
    await einstein.submit("/trash/chosen", id=ids["work/d"], do="burn")
    assert deleted(one) == {}


async def test_shares_end_with_a_deletion_and_do_not_come_back(one, two, einstein):
    one.put("einstein", "work/a.txt", b"a")
    share_id, _ = await offered(one, two, "work", permissions=["read", "write"])
    assert (await two.dav("DELETE", "marie", "Shares/work/a.txt")).status == 204
    assert deleted(two, "marie") == {}
    page = await einstein.open("/trash")  # its owner has it in their trash
    await einstein.submit(page.form("/trash/.*/restore"))
    assert (await two.dav("GET", "marie", "Shares/work/a.txt")).body == b"a"
    await one.api("POST", "links", {"path": "work/a.txt", "mode": "read"}, who="einstein", status=201)
    page = await einstein.open("/delete/work")
    assert f"does not come back with a restore, to: work ({two.address('marie')})" in page.text
    assert "Links to these end, and do not come back with a restore: work/a.txt" in page.text
    page = await einstein.open("/delete/work/a.txt")
    assert f"It is in a folder that you share, and gone there too, for: {two.address('marie')}" in page.text
    assert "Links" not in (await einstein.submit("/chosen/", path="work", do="carry")).text
    assert "restore: work/a.txt" in (await einstein.submit("/chosen/", path="work", do="ask")).text
    await einstein.submit("/delete/work")
    assert (await two.dav("GET", "marie", "Shares/work/a.txt")).status != 200
    await one.api("POST", f"trash/{deleted(one)['work']}/restore", who="einstein")
    await settled(one, two)
    assert one.file("einstein", "work/a.txt").read_bytes() == b"a"
    assert (await one.api("GET", f"shares/{share_id}", who="einstein"))["state"] == "unshared"


async def test_what_others_shared_is_named_before_its_folder_goes(one, two, marie):
    one.put("einstein", "note.txt", b"n")
    await offered(one, two)
    two.put("marie", "mine/a.txt", b"a")
    await marie.submit("/move/Shares/note.txt", to="mine", do="move")
    for page in (await marie.open("/delete/mine"), await marie.submit("/chosen/", path="mine", do="ask")):
        assert f"stays with its owners, who are told: mine/note.txt ({one.address('einstein')})" in page.text


async def test_what_lay_in_a_received_share_comes_back_among_the_first_files(one, two, marie):
    two.put("marie", "Shares/work/own.txt", b"own")
    await two.dav("DELETE", "marie", "Shares/work")
    two.put("marie", "Shares/work/other.txt", b"x")
    await two.dav("DELETE", "marie", "Shares/work/other.txt")
    await two.dav("DELETE", "marie", "Shares/work")
    one.put("einstein", "work/a.txt", b"a")
    await offered(one, two, "work")
    ids = deleted(two, "marie")
    other = ids["Shares/work/other.txt"]
    assert await two.api("POST", f"trash/{other}/restore", who="marie") == {"path": "other.txt"}
    page = await marie.open("/delete/Shares/work/a.txt")
    assert f"deleted at {one.host}. Whether it can be restored is up to them." in page.text


async def test_the_trash_is_emptied_by_hand_and_by_time_and_is_nobody_elses(one, einstein):
    one.add("fritz")
    for name in "abcd":
        one.put("einstein", name, name.encode())
        await one.dav("DELETE", "einstein", name)
    fritz = Browser(one)
    await fritz.sign_in("fritz")
    ids = deleted(one)
    for what in ("restore", "delete"):
        assert "This is not in the trash any more." in (await fritz.submit(f"/trash/{ids['a']}/{what}", 404)).text
    await one.api("POST", f"trash/{ids['a']}/restore", who="fritz", status=404)
    await one.api("DELETE", f"trash/{ids['a']}", who="fritz", status=404)
    await one.api("DELETE", "trash", who="fritz")
    assert len(await one.api("GET", "trash", who="einstein")) == 4
    assert "Deleted for good." in (await einstein.submit(f"/trash/{ids['a']}/delete")).text
    await one.api("DELETE", f"trash/{ids['b']}", who="einstein", status=204)
    one.context.clock.ahead = 29 * DAY
    await one.context.sweep()
    assert set(deleted(one)) == {"c", "d"}
    await one.dav("DELETE", "einstein", "nothing")
    one.context.clock.ahead = 31 * DAY
    await one.context.sweep()
    assert deleted(one) == {}
    assert list((one.data / "trash/einstein").iterdir()) == []
    await einstein.sign_in("einstein")
    one.put("einstein", "e", b"e")
    await einstein.submit("/delete/e")
    assert "The trash is empty now." in (await einstein.submit("/trash/empty")).text
    assert list((one.data / "trash/einstein").iterdir()) == []


async def test_how_much_is_used_is_told(one, einstein):
    await one.dav("PUT", "einstein", "a", b"x" * 1500)
    assert "1.5 kB used" in (await einstein.open("/files/")).text
    told = (await one.api("GET", "me", who="einstein"))["quota"]
    assert (told["used"], told["limit"]) == (1500, None)
    assert told["available"] > 0
    one.context.database.write_now(lambda tx: tx.run(schema.accounts.update().values(quota=3000)))
    page = await einstein.open("/files/")
    assert "1.5 kB of 3.0 kB used" in page.text
    assert (await one.api("GET", "me", who="einstein"))["quota"] == {"used": 1500, "available": 1500, "limit": 3000}
