"""The JSON API under `/api/v1`, for a person's own programs: HTTP Basic with an app password, or with
their password where they have no second factor.

What a row of the database looks like to a person is decided in `views`; secrets are not in it. The shapes are
described in `openapi.py`, which a test holds against these routes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.server import links, received, share_requests, shares, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.web import (
    asked,
    circles,
    contacts,
    copies,
    invites,
    news,
    openapi,
    peers,
    public_links,
    security,
    settings,
    ssh_keys,
    trash,
)
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.bodies import read_maybe_object, read_object
from opencloudmesh.server.web.errors import json_response
from opencloudmesh.server.web.links import LinkChange, NewLink, change, create, grant, read_grant
from opencloudmesh.server.web.operator import admit
from opencloudmesh.server.web.operator.calls import CALLS
from opencloudmesh.server.web.pages.visits import check_origin
from opencloudmesh.server.web.shares import NewShare, ShareChange, offer, send_again

BASE = "/api/v1"

Handler = Callable[[Context, Account, Request], Awaitable[Response]]


async def me(context: Context, account: Account, _request: Request) -> Response:
    """Who am I here, and what is my OCM Address?"""
    address = str(Address(account.id, context.config.own_host))
    quota = await context.own_tree(account.id).quota()
    room = {"used": quota.used, "available": quota.available, "limit": account.quota}
    who = {"id": account.id, "name": account.name, "email": account.email, "address": address}
    return json_response({**who, "secondFactor": account.strong, "quota": room})


async def list_shares(context: Context, account: Account, _request: Request) -> Response:
    """What I share."""
    rows = await context.database.read(lambda tx: shares.listing(tx, account.id))
    return json_response([views.share(row) for row in rows])


async def create_share(context: Context, account: Account, request: Request) -> Response:
    """I share a file or folder."""
    row = await offer(context, account, NewShare.read(await read_object(request)))
    return json_response(views.share(row), 201, {"Location": f"{BASE}/shares/{row.id}"})


async def show_share(context: Context, account: Account, request: Request) -> Response:
    """One share of mine."""
    row = await context.database.read(lambda tx: shares.get(tx, request.path_params["id"], owner=account.id))
    return json_response(views.share(row))


async def change_share(context: Context, account: Account, request: Request) -> Response:
    """I let somebody do more or less with a share, or set another end."""
    change, share_id = ShareChange.read(await read_object(request)), request.path_params["id"]
    row = await context.commit(lambda tx: change.make(tx, share_id, owner=account.id))
    return json_response(views.share(row))


async def delete_share(context: Context, account: Account, request: Request) -> Response:
    """I end a share."""
    await context.commit(lambda tx: shares.unshare(tx, request.path_params["id"], owner=account.id))
    return Response(status_code=204)


async def retry_share(context: Context, account: Account, request: Request) -> Response:
    """I do not wait until their server is told of a share by itself."""
    return json_response(views.share(await send_again(context, account, request.path_params["id"])))


async def list_received(context: Context, account: Account, _request: Request) -> Response:
    """What is shared with me."""
    rows = await context.database.read(lambda tx: received.listing(tx, account.id))
    return json_response([views.received(row) for row in rows])


async def show_received(context: Context, account: Account, request: Request) -> Response:
    """One share that I was offered."""
    row = await context.database.read(lambda tx: received.get(tx, request.path_params["id"], account=account.id))
    return json_response(views.received(row))


async def accept(context: Context, account: Account, request: Request) -> Response:
    """I take a share."""
    received_id = request.path_params["id"]
    row = await context.commit(
        lambda tx: received.accept(tx, received_id, account=account.id, exists=context.storage.exists)
    )
    return json_response(views.received(row))


async def decline(context: Context, account: Account, request: Request) -> Response:
    """I do not want a share, or leave it."""
    row = await context.commit(lambda tx: received.decline(tx, request.path_params["id"], account=account.id))
    return json_response(views.received(row))


async def delete_received(context: Context, account: Account, request: Request) -> Response:
    """I take a share off my list."""
    await context.commit(lambda tx: received.remove(tx, request.path_params["id"], account=account.id))
    return Response(status_code=204)


async def list_links(context: Context, account: Account, _request: Request) -> Response:
    """The links that I gave away."""
    rows = await context.database.read(lambda tx: links.listing(tx, account.id))
    url, now = context.config.public_url, int(context.clock())
    return json_response([views.link(row, url, now) for row in rows])


async def create_link(context: Context, account: Account, request: Request) -> Response:
    """I make a link to a file or folder."""
    row = await create(context, account, NewLink.read(await read_object(request)))
    return json_response(views.link(row, context.config.public_url, row.created), 201)


async def change_link(context: Context, account: Account, request: Request) -> Response:
    """I change a link."""
    wanted = LinkChange.read(await read_object(request))
    row = await change(context, account, request.path_params["id"], wanted)
    return json_response(views.link(row, context.config.public_url, int(context.clock())))


async def delete_link(context: Context, account: Account, request: Request) -> Response:
    """A link shall lead nowhere any more."""
    await context.database.write(lambda tx: links.remove(tx, request.path_params["id"], account=account.id))
    return Response(status_code=204)


async def list_requests(context: Context, account: Account, _request: Request) -> Response:
    """Who asked me for something."""
    rows = await context.database.read(lambda tx: share_requests.listing(tx, account.id))
    return json_response([views.request(row) for row in rows])


async def grant_request(context: Context, account: Account, request: Request) -> Response:
    """I share it with the one who asked."""
    permissions = read_grant(await read_maybe_object(request))
    return json_response(views.request(await grant(context, account, request.path_params["id"], permissions)))


async def refuse_request(context: Context, account: Account, request: Request) -> Response:
    """I do not share it with the one who asked."""
    request_id = request.path_params["id"]
    row = await context.database.write(lambda tx: share_requests.refuse(tx, request_id, account=account.id))
    return json_response(views.request(row))


OPERATIONS: Mapping[str, Mapping[str, Handler]] = {
    "/me": {"GET": me},
    "/trash": {"GET": trash.list_trash, "DELETE": trash.empty_trash},
    "/trash/{id}": {"DELETE": trash.burn_deleted},
    "/trash/{id}/restore": {"POST": trash.restore_deleted},
    "/shares": {"GET": list_shares, "POST": create_share},
    "/shares/{id}": {"GET": show_share, "PATCH": change_share, "DELETE": delete_share},
    "/shares/{id}/retry": {"POST": retry_share},
    "/received": {"GET": list_received},
    "/received/from-link": {"POST": public_links.add},
    "/received/{id}": {"GET": show_received, "DELETE": delete_received},
    "/received/{id}/accept": {"POST": accept},
    "/received/{id}/decline": {"POST": decline},
    "/links": {"GET": list_links, "POST": create_link},
    "/links/{id}": {"PATCH": change_link, "DELETE": delete_link},
    "/requests": {"GET": list_requests},
    "/requests/{id}/grant": {"POST": grant_request},
    "/requests/{id}/refuse": {"POST": refuse_request},
    "/asked": {"GET": asked.list_asked, "POST": asked.create_asked},
    "/asked/{id}": {"DELETE": asked.delete_asked},
    "/copies": {"GET": copies.list_copies, "POST": copies.create_copy},
    "/copies/{id}": {"GET": copies.show_copy, "DELETE": copies.delete_copy},
    "/copies/{id}/retry": {"POST": copies.retry_copy},
    "/ssh-keys": {"GET": ssh_keys.list_keys, "POST": ssh_keys.add_key},
    "/ssh-keys/{id}": {"DELETE": ssh_keys.remove_key},
    "/settings": {"GET": settings.show_settings, "PATCH": settings.change_settings},
    "/notifications": {"GET": news.list_news},
    "/notifications/read": {"POST": news.mark_all},
    "/notifications/{id}/read": {"POST": news.mark_one},
    "/invites": {"GET": invites.list_invites, "POST": invites.create_invite},
    "/invites/accept": {"POST": invites.accept_invite},
    "/invites/{id}": {"DELETE": invites.revoke_invite},
    "/invites/{id}/qr.svg": {"GET": invites.show_code},
    "/sessions": {"GET": security.list_sessions, "DELETE": security.end_sessions},
    "/sessions/{id}": {"DELETE": security.end_session},
    "/passkeys": {"GET": security.list_passkeys},
    "/app-passwords": {"GET": security.list_app_passwords},
    "/app-passwords/{id}": {"DELETE": security.revoke_app_password},
    "/peers": {"GET": peers.show_peer},
    "/contacts": {"GET": contacts.list_contacts, "POST": contacts.create_contact},
    "/contacts/export": {"GET": contacts.export_contacts},
    "/contacts/import": {"POST": contacts.import_contacts},
    "/contacts/{id}": {"DELETE": contacts.delete_contact},
    "/contacts/{id}/block": {"POST": contacts.block_contact},
    "/contacts/{id}/unblock": {"POST": contacts.unblock_contact},
    "/circles": {"GET": circles.list_circles, "POST": circles.create_circle},
    "/circles/{id}": {"PATCH": circles.rename_circle, "DELETE": circles.delete_circle},
    "/circles/{id}/members/{contact}": {"PUT": circles.add_member, "DELETE": circles.drop_member},
    "/batches": {"GET": circles.list_batches, "POST": circles.create_batch},
    "/batches/{id}": {"GET": circles.show_batch, "PATCH": circles.change_batch, "DELETE": circles.stop_batch},
    "/batches/{id}/catch-up": {"POST": circles.catch_up},
    **CALLS,
}


def routes(context: Context, doors: Doors) -> list[Route]:
    """The routes of the API."""

    def endpoint(path: str, handlers: Mapping[str, Handler]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if "origin" in request.headers:  # a page in a browser that remembers the password
                check_origin(request, context.config)
            account = await doors.person(request)
            admit(path, account)
            if "\0" in request.scope["path"]:  # PostgreSQL takes none
                raise NotFound("There is nothing here.")
            return await handlers["GET" if request.method == "HEAD" else request.method](context, account, request)

        return answer

    async def description(_request: Request) -> Response:
        return json_response(openapi.document(context.config.public_url))

    operations = [Route(BASE + path, endpoint(path, of), methods=list(of)) for path, of in OPERATIONS.items()]
    return [*operations, Route(f"{BASE}/openapi.json", description)]
