"""What other servers ask is answered as a program understands it, never with the way to a page for people."""

from __future__ import annotations

import pytest
from starlette.routing import Route
from tests.browsing import Browser
from tests.mesh import Server

from opencloudmesh.server.web import documents, files, ocm
from opencloudmesh.server.web.auth import Doors

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PATHS = {"{path:path}": "some-share/a.txt"}


def routes(server: Server) -> list[Route]:
    """Every route that is for other servers."""
    context = server.context
    return [*ocm.routes(context), *documents.routes(context), *files.routes(context, Doors(context))]


@pytest.mark.parametrize("headers", [{}, BROWSER, {**BROWSER, "Authorization": "Bearer wrong"}])
async def test_no_route_for_servers_redirects(pair: list[Server], headers: dict[str, str]) -> None:
    one, _ = pair
    signed_in = Browser(one)
    await signed_in.sign_in("einstein")
    cookie = "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())
    seen = set()
    for route in routes(one):
        path = route.path
        for name, value in PATHS.items():
            path = path.replace(name, value)
        for method in sorted((route.methods or {"GET"}) | {"GET", "POST"}):
            for more in ({}, {"Cookie": cookie}):
                answer = await one.request(method, path, {**headers, **more}, b"" if method == "POST" else None)
                assert not 300 <= answer.status < 400, (method, path, answer)
                assert answer.headers.get("location") is None
                assert b"<form" not in answer.body, (method, path)
                seen.add(path)
    assert {"/ocm/shares", "/ocm/notifications", "/ocm/token", "/.well-known/ocm", "/dav/ocm"} <= seen


async def test_a_session_in_a_browser_opens_nothing_that_is_for_programs(pair: list[Server]) -> None:
    """A page of another site could else ask in its name."""
    one, _ = pair
    one.put("einstein", "note.txt", b"e = mc2")
    browser = Browser(one)
    await browser.sign_in("einstein")
    for path in ("/dav/files/einstein/note.txt", "/api/v1/me", "/api/v1/shares", "/dav/ocm/"):
        answer = await browser.send("GET", path)
        assert (answer.status, b"e = mc2" in answer.body) == (401, False)
