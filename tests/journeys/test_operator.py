"""The pages and the API for operators: who may come there, and that it is written down who did what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.browsing import Browser, Page
from tests.mesh import PASSWORD, Server, basic

from opencloudmesh.server import accounts, audit, groups, operators
from opencloudmesh.server.web.api import OPERATIONS
from opencloudmesh.server.web.operator import AREA
from opencloudmesh.server.web.pages import PAGES

PATHS = [(method, path) for method, path, _ in PAGES if path.startswith(AREA)]
CALLS = [(method, path) for path, methods in OPERATIONS.items() if path.startswith(AREA) for method in methods]


def decided(cloud: Server) -> list[tuple[str, str, str, str]]:
    """What operators have decided: who, what kind, about whom, and what."""
    return [(row.by, row.event, row.account or row.host, row.reason) for row in cloud.rows(audit.listing) if row.by]


def named(path: str) -> str:
    return re.sub(r"{\w+}", "einstein", path)


async def seen(browser: Browser, method: str, path: str) -> int:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return (await browser.send(method, path, b"x=y" if method == "POST" else None, form)).status


# Who may come


async def test_every_page_and_every_call_is_for_operators_alone(one, lise, einstein):
    stranger = Browser(one)
    before = one.stored()
    for method, path in PATHS:
        assert await seen(einstein, method, named(path)) == 403, path
        assert await seen(stranger, method, named(path)) == 303, path
    for method, path in CALLS:
        answer = await one.request(method, f"/api/v1{named(path)}", {"Authorization": basic("einstein")}, b"{}")
        assert (answer.status, operators.ONLY_FOR_OPERATORS in answer.body.decode()) == (403, True), path
        assert (await one.request(method, f"/api/v1{named(path)}", {}, b"{}")).status == 401, path
    assert one.stored() == before
    assert decided(one) == []


def test_what_is_made_for_operators_is_where_operators_are_asked_for():
    for _, path, handler in PAGES:
        assert path.startswith(AREA) == handler.__module__.startswith("opencloudmesh.server.web.pages.operator")
    for path, methods in OPERATIONS.items():
        for handler in methods.values():
            assert path.startswith(AREA) == handler.__module__.startswith("opencloudmesh.server.web.operator")


async def test_every_form_must_come_from_a_page_of_ours(one, lise):
    before = one.stored()
    for method, path in PATHS:
        if method == "POST":
            page = await lise.submit(named(path), 403, {"Origin": "https://evil.example"}, id="x", name="x")
            assert "was not sent from a page of this cloud" in page.text
    assert one.stored() == before


async def test_only_operators_are_led_there(lise, einstein):
    assert AREA in (await lise.open("/files/")).links
    assert AREA not in (await einstein.open("/files/")).links
    page = await einstein.open(AREA, 403)
    assert operators.ONLY_FOR_OPERATORS in page.text


async def test_who_is_no_operator_any_more_does_nothing_any_more(one, lise, einstein):
    await one.api("PATCH", "operator/users/einstein", {"operator": True}, who="lise", status=200)
    await einstein.open("/operator/users")
    await one.api("PATCH", "operator/users/einstein", {"operator": False}, who="lise", status=200)
    await einstein.open("/operator/users", 403)
    before = one.stored()
    await einstein.submit("/operator/users", 403, id="planck", password=PASSWORD)
    await one.api("POST", "operator/users", {"id": "planck"}, who="einstein", status=403)
    with pytest.raises(Exception, match="for the operators"):
        one.context.database.write_now(lambda tx: operators.check(tx, "einstein"))
    assert one.stored() == before


# Groups


async def test_groups_are_made_filled_and_removed(one, lise):
    page = await lise.submit("/operator/groups", id="physics", name="Physicists")
    assert "The group was made." in page.text
    await lise.submit("/operator/groups/physics/join", user="einstein")
    page = await lise.submit("/operator/groups/physics/join", user="lise")
    assert "Albert Einstein" in page.text
    page = await lise.submit("/operator/groups/physics/leave", user="einstein")
    assert "Albert Einstein" not in page.text
    assert one.rows(groups.get, "physics").members == ("lise",)
    before = one.stored()
    assert "Look at the identifier." in (await lise.submit("/operator/groups", 400, id="a b")).text
    await lise.submit("/operator/groups", 409, id="einstein")
    for what in ("join", "leave"):
        await lise.submit(f"/operator/groups/physics/{what}", 404, user="nobody")
        await lise.submit(f"/operator/groups/nothing/{what}", 404, user="lise")
    assert one.stored() == before
    page = await lise.open("/operator/groups/physics/remove")
    await lise.submit(page.form(".*/remove"))
    assert "None yet." in (await lise.open("/operator/groups")).text
    group = await one.api("POST", "operator/groups", {"id": "physics"}, who="lise", status=201)
    assert group == {"id": "physics", "name": "physics", "members": []}
    await one.api("PUT", "operator/groups/physics/members/einstein", who="lise", status=200)
    assert await one.api("GET", "operator/groups", who="lise") == [{**group, "members": ["einstein"]}]
    await one.api("DELETE", "operator/groups/physics/members/einstein", who="lise", status=204)
    await one.api("DELETE", "operator/groups/physics", who="lise", status=204)
    await one.api("GET", "operator/groups/physics", who="lise", status=404)
    assert [reason for *_, reason in decided(one)][:4] == [
        "physics: made", "physics: put in", "physics: put in", "physics: taken out",
    ]  # fmt: skip
    assert len(decided(one)) == 9


# Users


async def test_users_are_listed_a_page_at_a_time_and_searched(one, lise):
    def many(tx: Any) -> None:
        for number in range(150):
            accounts.add(tx, f"pupil{number:03}", "hash", name=f"Pupil {number}_%", email=f"p{number}@school.example")

    one.context.database.write_now(many)
    first = await lise.open("/operator/users")
    (rest,) = [link for link in first.links if "after=" in link]
    second = await lise.open(rest)
    users = [re.findall(r'href="/operator/users/([^"/?]+)"', page.html) for page in (first, second)]
    assert [len(page) for page in users] == [100, 52]
    assert [*users[0], *users[1]] == sorted(["einstein", "lise", *(f"pupil{number:03}" for number in range(150))])
    assert not [link for link in second.links if "after=" in link]
    found = await one.api("GET", "operator/users?search=PUPIL%20149_%25", who="lise")
    assert [user["id"] for user in found] == ["pupil149"]
    assert await one.api("GET", "operator/users?search=149%25_", who="lise") == []
    behind = await one.api("GET", "operator/users?search=school&after=pupil147", who="lise")
    assert [user["id"] for user in behind] == ["pupil148", "pupil149"]
    assert "Nobody was found." in (await lise.open("/operator/users?search=nobody")).text


async def test_a_user_is_added_changed_and_removed(one, lise):
    page = await lise.submit(
        "/operator/users", id="planck", name="Max Planck", email="max@one.example", quota="0,5", password=PASSWORD
    )
    assert "The user was added." in page.text
    assert one.rows(accounts.get, "planck") == accounts.Account(
        "planck", "Max Planck", "max@one.example", 500_000_000, False
    )
    assert one.file("planck", "").is_dir()
    await Browser(one).sign_in("planck")
    page = await lise.submit("/operator/users/planck", name="M. Planck", email="", quota="", operator="yes")
    assert "Changed." in page.text
    assert one.rows(accounts.get, "planck") == accounts.Account(
        "planck", "M. Planck", "", None, True, browser_language="en"
    )
    one.put("planck", "note.txt", b"h")
    page = await lise.open("/operator/users/planck/remove")
    await lise.submit(page.form("/operator/users/planck/remove"))
    assert one.rows(accounts.find, "planck") is None
    assert (one.data / "removed" / "planck" / "files" / "note.txt").exists()
    assert decided(one) == [
        ("lise", "account", "planck", "added"),
        ("lise", "account", "planck", "another name, another email, another quota, is an operator now"),
        ("lise", "account", "planck", "removed"),
    ]
    assert PASSWORD not in str(one.rows(audit.listing))


async def test_what_is_wrong_with_a_new_user_is_said_and_kept_in_the_form(one, lise):
    before = one.stored()
    page = await lise.submit("/operator/users", 400, id="a b", name="Kept", email="nonsense", quota="1")
    assert "Look at the e-mail address." in page.text
    assert 'value="Kept"' in page.html
    assert "Look at the user name." in (await lise.submit("/operator/users", 400, id="a b")).text
    assert "in gigabytes" in (await lise.submit("/operator/users", 400, id="planck", quota="much")).text
    assert (await lise.submit("/operator/users", 409, id="EINSTEIN")).status == 409
    page = await lise.submit("/operator/users", 400, id="planck", password="short")
    assert "8 to 1024" in page.text
    assert "short" not in page.html
    await lise.submit("/operator/users/einstein", 400, name="", email="", quota="-1")
    assert one.stored() == before


async def test_files_of_a_removed_user_are_set_aside_or_go_when_told(one, lise):
    one.put("einstein", "note.txt", b"e = mc2")
    assert "removed/einstein" in (await lise.open("/operator/users/einstein/remove")).text
    await lise.submit("/operator/users/einstein/remove")
    assert not one.file("einstein", "").exists()
    aside = one.data / "removed" / "einstein" / "files"
    assert (aside / "note.txt").read_bytes() == b"e = mc2"
    one.add("einstein")
    assert (await one.dav("GET", "einstein", "note.txt")).status == 404
    one.put("einstein", "new.txt", b"1")
    await one.api("DELETE", "operator/users/einstein?files=delete", who="lise", status=204)
    assert not one.file("einstein", "").exists()
    assert [place.name for place in aside.parent.parent.iterdir()] == ["einstein"]
    await lise.submit("/operator/users/einstein/remove", 404)


async def test_the_last_operator_stays_one(one, lise):
    before = one.stored()
    assert "You are the only operator." in (await lise.submit("/operator/users/lise/remove", 409)).text
    assert "You are the only operator." in (await lise.submit("/operator/users/lise", 409, name="Lise")).text
    await one.api("DELETE", "operator/users/lise", who="lise", status=409)
    await one.api("PATCH", "operator/users/lise", {"operator": False}, who="lise", status=409)
    assert one.stored() == before
    await one.api("PATCH", "operator/users/einstein", {"operator": True}, who="lise", status=200)
    await one.api("DELETE", "operator/users/lise", who="lise", status=204)
    assert one.rows(accounts.operators) == ["einstein"]


async def test_the_api_adds_changes_and_removes_users(one, lise):
    added = await one.api("POST", "operator/users", {"id": "planck", "password": PASSWORD}, who="lise", status=201)
    user = {"id": "planck", "name": "planck", "email": "", "quota": None, "operator": False, "language": ""}
    assert added == {**user, "link": None}
    changed = await one.api("PATCH", "operator/users/planck", {"quota": 7, "name": "Max"}, who="lise")
    assert changed == {**user, "name": "Max", "quota": 7}
    assert await one.api("PATCH", "operator/users/planck", {"quota": None}, who="lise") == {**user, "name": "Max"}
    assert await one.api("GET", "operator/users/planck", who="lise") == {**user, "name": "Max"}
    for wrong in (
        {"name": ""},
        {"language": "tlh"},
        {"operator": "yes"},
        {"quota": -1},
        {"quota": 2**60},
        {"email": "x"},
    ):
        said = await one.api("PATCH", "operator/users/planck", wrong, who="lise", status=400)
        assert [field["name"] for field in said["validationErrors"]] == list(wrong)
    await one.api("DELETE", "operator/users/planck", who="lise", status=204)
    for path in ("planck", "%00", "a%2Fb"):
        await one.api("GET", f"operator/users/{path}", who="lise", status=404)
    await one.api("GET", "operator/users?search=%00", who="lise", status=400)


def shown_link(page: Page, cloud: Server) -> str:
    """The path of the link on a page."""
    (path,) = re.findall(re.escape(cloud.url) + r"(/welcome\?token=[\w-]{43})<", page.html)
    return path
