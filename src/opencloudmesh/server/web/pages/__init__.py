"""The pages that people use: HTML made here, which works without a script, one module for each noun.

Every page but those to sign in, to choose a password by a link (`welcome`), to say where one is from (`wayf`) and
behind links (`ask`, `visitors`) is for the person whose session the cookie names (`login.signed_in`), and shows only
what is theirs; those under `operator.AREA` are for operators. Every form must come from a page of ours
(`check_origin`).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opencloudmesh.server import welcomes
from opencloudmesh.server.context import Context
from opencloudmesh.server.openid import ANSWER_PATH
from opencloudmesh.server.outgoing import ACCEPT_PATH
from opencloudmesh.server.views import ASK_PATH, WAYF_PATH
from opencloudmesh.server.web.auth import Doors
from opencloudmesh.server.web.operator import admit
from opencloudmesh.server.web.pages import (
    apps,
    archive,
    ask,
    asked,
    chosen,
    circles,
    contacts,
    copies,
    files,
    inbox,
    introductions,
    invites,
    links,
    looking,
    moving,
    news,
    openid,
    operator,
    passkeys,
    peers,
    public_links,
    second,
    security,
    sending,
    settings,
    shared,
    shares,
    ssh_keys,
    trash,
    visitors,
    welcome,
)
from opencloudmesh.server.web.pages.cookies import HOME
from opencloudmesh.server.web.pages.login import Endpoint, Handler, Step, login, logout, signed_in, step
from opencloudmesh.server.web.pages.visits import PEERS_PATH, STATIC, UPLOADS_PATH, Look, Static, Visit, redirect
from opencloudmesh.server.web.pages.wayf import Wayf
from opencloudmesh.server.web.public_links import PAGE

KEPT = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


async def home(_visit: Visit) -> Response:
    """The address of the cloud alone."""
    return redirect(HOME)


PAGES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/", home),
    ("POST", "/logout", logout),
    ("GET", "/files", files.folder),
    ("GET", "/files/{path:path}", files.folder),
    ("GET", "/download/{path:path}", files.download),
    ("GET", "/look/{path:path}", looking.show),
    ("GET", "/content/{path:path}", looking.content),
    ("GET", "/thumbnail/{path:path}", looking.thumbnail),
    ("GET", "/page/{page:int}/{path:path}", looking.page),
    ("POST", "/upload/{path:path}", files.upload),
    ("POST", UPLOADS_PATH + "files", sending.begin),
    ("POST", UPLOADS_PATH + "folders", sending.make_folder),
    ("GET", UPLOADS_PATH + "{id}", sending.show),
    ("PUT", UPLOADS_PATH + "{id}", sending.append),
    ("POST", UPLOADS_PATH + "{id}/finish", sending.finish),
    ("POST", UPLOADS_PATH + "{id}/discard", sending.discard),
    ("POST", "/folder/{path:path}", files.make_folder),
    ("GET", "/rename/{path:path}", files.ask_name),
    ("POST", "/rename/{path:path}", files.rename),
    ("GET", "/delete/{path:path}", files.ask_to_delete),
    ("POST", "/delete/{path:path}", files.delete),
    ("GET", "/move/{path:path}", moving.ask),
    ("POST", "/move/{path:path}", moving.carry),
    ("POST", "/chosen/{path:path}", chosen.choose),
    ("GET", "/archive/{path:path}", archive.download),
    ("GET", "/trash", trash.show),
    ("POST", "/trash/empty", trash.empty),
    ("POST", "/trash/chosen", trash.choose),
    ("POST", "/trash/{id}/restore", trash.put_back),
    ("POST", "/trash/{id}/delete", trash.burn),
    ("GET", PEERS_PATH, peers.show),
    ("GET", "/shared", shared.show),
    ("GET", "/share/{path:path}", shares.show),
    ("POST", "/share/{path:path}", shares.offer),
    ("POST", "/change/{id}", shares.change),
    ("POST", "/retry/{id}", shares.retry),
    ("POST", "/stop/{id}", shares.stop),
    ("GET", "/link/{path:path}", links.show),
    ("POST", "/link/{path:path}", links.create),
    ("POST", "/links/{id}/change", links.change),
    ("POST", "/links/{id}/remove", links.remove),
    ("GET", "/requests", links.show_requests),
    ("POST", "/requests/{id}/{answer}", links.answer),
    ("GET", "/apps/{id}", apps.show),
    ("POST", "/apps/{id}", apps.enter),
    ("GET", "/copies", copies.show),
    ("POST", "/copies", copies.create),
    ("POST", "/copies/{id}/{answer}", copies.answer),
    ("GET", "/ssh-keys", ssh_keys.show),
    ("POST", "/ssh-keys", ssh_keys.add),
    ("POST", "/ssh-keys/{id}/remove", ssh_keys.remove),
    ("GET", "/asked", asked.show),
    ("POST", "/asked", asked.create),
    ("POST", "/asked/{id}/remove", asked.remove),
    ("GET", PAGE, public_links.ask),
    ("POST", PAGE, public_links.add),
    ("GET", "/inbox", inbox.show),
    ("POST", "/inbox/{id}/{answer}", inbox.answer),
    ("GET", "/notifications", news.show),
    ("GET", "/notifications/{id}", news.follow),
    ("POST", "/notifications/read", news.mark_all),
    ("POST", "/notifications/{id}/read", news.mark_one),
    ("GET", "/invites", invites.show),
    ("POST", "/invites", invites.create),
    ("POST", "/invites/accept", invites.accept),
    ("POST", "/invites/{id}/revoke", invites.revoke),
    ("GET", ACCEPT_PATH, introductions.ask),
    ("POST", ACCEPT_PATH, introductions.accept),
    ("GET", "/invites/{id}/qr.svg", invites.picture),
    ("GET", "/contacts", contacts.show),
    ("POST", "/contacts", contacts.add),
    ("GET", "/contacts/export", contacts.download),
    ("POST", "/contacts/import", contacts.read_in),
    ("POST", "/contacts/{id}/{change}", contacts.change),
    ("GET", "/circles", circles.show),
    ("POST", "/circles", circles.create),
    ("POST", "/circles/{id}/remove", circles.remove),
    ("POST", "/circles/{id}/add", circles.add),
    ("POST", "/circles/{id}/drop/{contact}", circles.drop),
    ("POST", "/batches/{id}/catch-up", circles.catch_up),
    ("POST", "/batches/{id}/change", circles.change),
    ("POST", "/batches/{id}/stop", circles.stop),
    *operator.PAGES,
    ("GET", "/settings", settings.show),
    ("POST", "/settings/mail", settings.set_mail),
    ("POST", "/settings/language", settings.set_language),
    ("GET", "/settings/security", security.show),
    ("GET", "/settings/security/app", security.show_secret),
    ("POST", "/settings/security/app", security.begin),
    ("POST", "/settings/security/app/confirm", security.confirm),
    ("POST", "/settings/security/app/off", security.turn_off),
    ("POST", "/settings/security/codes", security.renew_codes),
    ("POST", "/settings/security/passkeys/new", passkeys.begin),
    ("POST", "/settings/security/passkeys", passkeys.add),
    ("POST", "/settings/security/passkeys/{id}/remove", passkeys.remove),
    ("POST", "/settings/security/password", security.change_password),
    ("POST", "/settings/security/passwords", security.make_password),
    ("POST", "/settings/security/passwords/{id}/revoke", security.revoke_password),
    ("POST", "/settings/security/sessions/end", security.end_sessions),
    ("POST", "/settings/security/sessions/{id}/end", security.end_session),
)
# The forms between a right password, or none, and a session.
STEPS: tuple[tuple[str, str, Step], ...] = (
    ("POST", "/login/second", second.answer),
    ("POST", "/login/passkey", passkeys.ask),
    ("POST", "/login/passkey/answer", passkeys.answer),
    ("GET", "/login/openid", openid.begin),
    ("GET", ANSWER_PATH, openid.answer),
)


def routes(context: Context, doors: Doors, look: Look) -> list[Route]:
    """The routes of all pages, and of what they load."""
    by_path: dict[str, list[tuple[str, Handler]]] = {}
    for method, path, handler in PAGES:
        by_path.setdefault(path, []).append((method, handler))
    return [
        Route("/login", login(context, look, doors), methods=["GET", "POST"]),
        *(Route(path, step(context, look, doors, handler), methods=[method]) for method, path, handler in STEPS),
        Route(WAYF_PATH, Wayf(context, look).answer, methods=["GET", "POST"]),
        Route(welcomes.PATH, welcome.endpoint(context, look), methods=["GET", "POST"]),
        Route(ASK_PATH + "{token}", ask.endpoint(context, look), methods=["GET", "POST"]),
        *visitors.routes(context, doors, look),
        *(_route(context, look, doors, path, dict(handlers)) for path, handlers in by_path.items()),
        *(Route(static.url, _served(static)) for static in STATIC.values()),
    ]


def _route(context: Context, look: Look, doors: Doors, path: str, handlers: dict[str, Handler]) -> Route:
    def admitted(handler: Handler) -> Handler:
        async def answer(visit: Visit) -> Response:
            admit(path, visit.account)
            return await handler(visit)

        return answer

    endpoints = {method: signed_in(context, look, doors, admitted(handler)) for method, handler in handlers.items()}

    async def answer(request: Request) -> Response:
        return await endpoints["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answer, methods=list(endpoints))


def _served(static: Static) -> Endpoint:
    async def answer(_request: Request) -> Response:
        return Response(static.content, headers=KEPT, media_type=static.media_type)

    return answer
