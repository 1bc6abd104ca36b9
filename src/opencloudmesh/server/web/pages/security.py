"""How a person gets in: second factor, app passwords, and where they are signed in.

What changes a factor asks for the password again, where the person has one, so that a browser left open is not enough.
Secrets are shown once, on the page that a form leads to.
"""

from __future__ import annotations

import pyotp
import segno
from markupsafe import Markup
from starlette.responses import Response

from opencloudmesh.protocol.errors import FieldError, Invalid, OcmError, Unauthenticated
from opencloudmesh.server import accounts, app_passwords, factors, operators, passkeys, sessions
from opencloudmesh.server.database import Tx
from opencloudmesh.server.web.auth import hash_password
from opencloudmesh.server.web.pages.cookies import enter, shown
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.security import device

PLACE = "/settings/security"


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """Everything about it."""
    account, secret = visit.account.id, shown(visit.request, visit.context.config)
    has, keys, passwords, rows, asks = await visit.context.database.read(
        lambda tx: (
            factors.of(tx, account),
            passkeys.listing(tx, account),
            app_passwords.listing(tx, account),
            sessions.listing(tx, account),
            accounts.has_password(tx, account),
        )
    )
    return visit.page(
        "security.html",
        error,
        has=has,
        keys=keys,
        asks=asks,
        passwords=passwords,
        sessions=rows,
        this=sessions.id_of(secret),
        device=device,
        active="security",
    )


async def change_password(visit: Visit) -> Response:
    """Another password: they are signed out everywhere but here, where a new session begins."""
    form, account, context = await read_form(visit.request), visit.account, visit.context
    try:
        if form.get("new") != form.get("again"):
            raise Invalid("The two passwords differ.", fields=[FieldError("password", "INVALID")])
        proved = await visit.doors.check(account.id, form.get("password", ""), visit.request)
        stored = await hash_password(form.get("new", ""))

        def store(tx: Tx) -> None:
            if accounts.stored_password(tx, account.id) != proved.stored:
                raise Unauthenticated("Your password has just been changed. Sign in with the new one.")
            operators.choose_password(tx, account.id, stored, programs=form.get("programs") == "yes")

        await context.database.write(store)
    except OcmError as error:
        return await show(visit, error)
    place = f"{PLACE}?done=password-changed"
    return await enter(context, visit.request, account.id, place, strong=account.strong, stored=stored)


# The app on a phone


async def begin(visit: Visit) -> Response:
    """An app is to be set up."""
    await visit.context.database.write(lambda tx: factors.begin(tx, visit.account.id))
    return redirect(f"{PLACE}/app")


async def show_secret(visit: Visit, error: OcmError | None = None) -> Response:
    """What the app has to be told, while it is being set up."""
    account = visit.account.id
    secret, asks = await visit.context.database.read(
        lambda tx: (factors.unconfirmed(tx, account), accounts.has_password(tx, account))
    )
    if secret is None:
        return redirect(PLACE)
    issuer = visit.context.config.provider
    uri = pyotp.TOTP(secret, name=str(visit.address), issuer=issuer).provisioning_uri()
    picture = segno.make(uri, micro=False).svg_inline(scale=4, light="#fff")
    spaced = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return visit.page(
        "factor.html",
        error,
        picture=Markup(picture),  # noqa: S704 - made here, of squares
        secret=spaced,
        uri=uri,
        asks=asks,
        active="security",
    )


async def confirm(visit: Visit) -> Response:
    """The app shows a code: it counts from now on, this session has passed it, and all others end."""
    form, account = await read_form(visit.request), visit.account.id
    secret = shown(visit.request, visit.context.config)

    def store(tx: Tx) -> list[str]:
        codes = factors.confirm(tx, account, form.get("code", ""))
        sessions.strengthen(tx, account, secret)
        return codes

    try:
        await check_password(visit, form)
        codes = await visit.context.database.write(store)
    except OcmError as error:
        return await show_secret(visit, error)
    return visit.page("codes.html", codes=codes, first=True, active="security")


async def renew_codes(visit: Visit) -> Response:
    """New codes on paper."""
    try:
        await prove(visit)
        codes = await visit.context.database.write(lambda tx: factors.renew_codes(tx, visit.account.id))
    except OcmError as error:
        return await show(visit, error)
    return visit.page("codes.html", codes=codes, first=False, active="security")


async def turn_off(visit: Visit) -> Response:
    """No app any more."""
    try:
        await prove(visit)
        await visit.context.database.write(lambda tx: factors.turn_off(tx, visit.account.id))
    except OcmError as error:
        return await show(visit, error)
    return redirect(PLACE, "factor-off")


# Programs and browsers


async def make_password(visit: Visit) -> Response:
    """A password for a program. It opens what this session opens."""
    name, account = (await read_form(visit.request)).get("name", "").strip(), visit.account
    try:
        secret = await visit.context.database.write(
            lambda tx: app_passwords.create(tx, account.id, name, strong=account.strong)
        )
    except OcmError as error:
        return await show(visit, error)
    return visit.page("app_password.html", secret=secret, name=name, active="security")


async def revoke_password(visit: Visit) -> Response:
    """A program gets in no more."""
    password_id = visit.request.path_params["id"]
    await visit.context.database.write(lambda tx: app_passwords.revoke(tx, visit.account.id, password_id))
    return redirect(PLACE, "password-removed")


async def end_session(visit: Visit) -> Response:
    """The person is signed out somewhere else."""
    session_id = visit.request.path_params["id"]
    await visit.context.database.write(lambda tx: sessions.end_one(tx, visit.account.id, session_id))
    return redirect(PLACE, "session-ended")


async def end_sessions(visit: Visit) -> Response:
    """They are signed out everywhere but here."""
    secret = shown(visit.request, visit.context.config)
    await visit.context.database.write(lambda tx: sessions.end_all(tx, visit.account.id, but=secret))
    return redirect(PLACE, "session-ended")


async def check_password(visit: Visit, form: dict[str, str]) -> None:
    """Raises `Unauthenticated` where the form has not the person's password, if they have one; `TooManyRequests`."""
    if await visit.context.database.read(lambda tx: accounts.has_password(tx, visit.account.id)):
        await visit.doors.check(visit.account.id, form.get("password", ""), visit.request)


async def prove(visit: Visit) -> None:
    """The form has the person's password and a code. Raises as `check_password`, and `Invalid` for a wrong code."""
    form, account = await read_form(visit.request), visit.account.id
    await check_password(visit, form)
    if not await visit.context.database.write(lambda tx: factors.matches(tx, account, form.get("code", ""))):
        raise Invalid(factors.WRONG, fields=[FieldError("code", "INVALID")])
