"""What a real browser and axe find on every page, on a phone and a wide screen, in light and dark."""

from __future__ import annotations

from urllib.parse import quote

import pytest_asyncio
from tests.browser.languages import in_other_languages
from tests.browser.test_journeys import LONG
from tests.mesh import settled
from tests.security.test_pictures import pdf, picture

from opencloudmesh.protocol.public_links import PublicLink
from opencloudmesh.server import links_elsewhere, received, schema, uploads

MESH = "https://mesh.example/servers.json"
PAGES = (
    "/files/", "/files/Empty", "/files/Shares/Radium", "/share/Shares/Radium", "/files/?search=zero", "/share/work",
    "/share/work?with=nobody@localhost:9", f"/share/{quote(LONG)}",
    f"/rename/{quote(LONG)}", "/delete/work", "/delete/Shares/Kept", "/move/work", "/move/work?to=Shares", "/inbox",
    "/shared", "/requests", "/asked", "/ssh-keys", "/copies", "/trash", "/notifications", "/invites", "/contacts",
    "/circles", "/add", "/apps/{app}", "/settings", "/settings/security",
    "/accept-invite?token=abc&providerDomain=other.example",
    *(f"/look/look/a.{ending}" for ending in ("png", "pdf", "txt", "exe")), "/files/look",
)  # fmt: skip


APP = {"uri": "https://office.example/open", "name": "Office", "secret": "s", "requirements": []}


@pytest_asyncio.fixture(loop_scope="session")
async def busy(one, two):
    """Two clouds with something on every page."""
    one.put("einstein", LONG, b"x")
    one.put("einstein", "work/a.txt", b"x")
    one.file("einstein", "Empty").mkdir()
    for ending, content in {"png": picture(), "pdf": pdf(), "txt": b"long " * 5000, "exe": b""}.items():
        one.put("einstein", f"look/a.{ending}", content)
    for path in ("work/gone.txt", "work/deep/gone.txt"):
        one.put("einstein", path, b"x")
        await one.context.own_tree("einstein").delete(path)
    one.context.database.write_now(lambda tx: uploads.begin(tx, "einstein", LONG, size=9, modified=1, replaces=False))
    two.put("marie", "Radium/a.csv", b"x")
    two.put("marie", LONG, b"x")
    for path in ("Radium", LONG):
        body = {
            "path": path,
            "shareWith": one.address("einstein"),
            "permissions": ["read", "write", "share"],
            "description": "N",
        }
        await two.api("POST", "shares", body, who="marie")
    for who in (two.address("marie"), "nobody@localhost:9"):
        await one.api("POST", "shares", {"path": "work", "shareWith": who, "description": "Look!"}, who="einstein")
    await spread(one)
    await settled(one, two)
    (radium,) = [row for row in await one.api("GET", "received", who="einstein") if row["name"] == "Radium"]
    await one.api("POST", f"received/{radium['id']}/accept", who="einstein")
    link = PublicLink("localhost:9", "", "token", "Kept", "nobody", "Nobody")
    seen = {"resource_type": "folder", "permissions": ["read"]}
    one.context.database.write_now(lambda tx: links_elsewhere.keep(tx, "einstein", link, password="", seen=seen))
    invite = await one.api("POST", "invites", {"description": "for Marie"}, who="einstein")
    return invite["link"]


async def spread(one):
    """A share with a circle, one of whose people could not be given any, and one came later."""
    circle = await one.api("POST", "circles", {"name": "Radium"}, who="einstein")
    people = [await one.api("POST", "contacts", {"address": f"{who}@localhost:9"}, who="einstein")
              for who in ("pierre", "nobody", "late")]  # fmt: skip
    for count, person in enumerate(people, 1):
        await one.api("PUT", f"circles/{circle['id']}/members/{person['id']}", who="einstein")
        if count == 2:
            await one.api("POST", "batches", {"path": "work", "circle": circle["id"]}, who="einstein")


async def test_every_page_is_for_everybody(one, visitor, busy):
    await visitor.sign_in("einstein")
    (radium,) = [row for row in one.rows(received.listing, "einstein") if row.name == "Radium"]
    parts = {"parts": {"webapp": APP}}  # as if that cloud had offered it in an application too
    one.context.database.write_now(lambda tx: tx.run(schema.received.update().values(parts)))
    pages = [path.replace("{app}", radium.id) for path in PAGES]
    for path in pages:
        await visitor.open(path)
        assert await visitor.faults() == []
        assert await visitor.unreached() == []
        assert await visitor.page.locator(".top").get_by_text(one.address("einstein"), exact=True).is_visible()
    assert await in_other_languages(visitor, pages) == []


OPERATOR = (
    "/operator/users", "/operator/users/einstein", "/operator/users/einstein/remove", "/operator/groups",
    "/operator/groups/physics", "/operator/groups/physics/remove", "/operator/peers",
    "/operator/peers/{two}", "/operator/peers/{two}/purge", "/operator/policy", "/operator/outbox",
    "/operator/outbox/{message}/drop", "/operator/audit", "/operator/directories",
    f"/operator/directories/servers?url={quote(MESH)}", f"/operator/directories/remove?url={quote(MESH)}",
    "/operator/settings", "/operator/keys/revoke?kid={kid}",
)  # fmt: skip


async def test_every_page_of_operators_is_for_everybody(one, two, visitor, busy):
    one.add("lise", name="Lise Meitner", operator=True)
    await one.api("POST", "operator/directories", {"url": MESH, "unsigned": True}, who="lise")
    for host in (two.host, "*.bad.example"):
        await one.api("PUT", f"operator/rules/{quote(host)}", {"incoming": "allow"}, who="lise")
    await one.api("POST", "operator/groups", {"id": "physics"}, who="lise")
    await one.api("PUT", "operator/groups/physics/members/einstein", who="lise")
    waiting = (await one.api("GET", "operator/outbox", who="lise"))[0]
    kid = (await one.api("GET", "operator/keys", who="lise"))[0]["kid"]
    await visitor.sign_in("lise")
    pages = [path.format(two=quote(two.host), message=waiting["id"], kid=quote(kid, safe="")) for path in OPERATOR]
    for path in pages:
        await visitor.open(path)
        await visitor.fine()  # in other sizes and colours, see test_operating.py
        assert await visitor.unreached() == []
    assert await in_other_languages(visitor, pages) == []
    await visitor.open("/operator/users/einstein")
    await visitor.press("Make a link: Albert Einstein")
    assert await visitor.faults() == []
    await visitor.open(await visitor.page.get_by_label("Whoever has it").input_value())
    assert await visitor.faults() == []


async def test_every_page_of_visitors_is_for_everybody(one, visitor, busy):
    link = await one.api("POST", "links", {"path": "work", "description": "Ask me"}, who="einstein")
    for path in ("/login", busy, link["url"]):
        await visitor.open(path)
        assert await visitor.faults() == []
        assert await visitor.unreached() == []
    assert await in_other_languages(visitor, ("/login", busy, link["url"])) == []
    link = await one.api("POST", "links", {"path": "work", "mode": "read"}, who="einstein")
    await visitor.open(link["url"])
    await visitor.unfold("Add to your cloud")
    assert await visitor.faults() == []
    assert await in_other_languages(visitor, (link["url"],)) == []
    await visitor.open(link["url"])
    await visitor.unfold("Add to your cloud")
    await visitor.fill("Your address", "cloud.example")
    await visitor.press("Add to your cloud")
    await visitor.sees("Go on at")
    assert await visitor.faults() == []
    assert await visitor.unreached() == []


async def test_a_form_that_is_wrong_and_what_is_not_there_are_for_everybody(visitor, busy):
    await visitor.open(busy + "x")
    assert await visitor.faults() == []
    await visitor.sign_in("einstein")
    await visitor.open("/files/nothing")
    assert await visitor.faults() == []
    await visitor.open("/share/work")
    await visitor.fill("Their address", "marie")
    await visitor.press("Share")
    await visitor.sees("Look at the address.")
    field = visitor.page.get_by_label("Their address")
    told = await field.get_attribute("aria-describedby")
    assert (
        await visitor.page.locator(f"#{told.split()[-1]}").inner_text() == "An address looks like name@cloud.example."
    )
    assert await visitor.faults() == []
    # The browser writes down that these were not found and not right, and nothing else.
    assert [problem.partition("status of ")[2][:3] for problem in visitor.problems] == ["404", "404", "400"]
    visitor.problems.clear()
