"""Settings: what a person sets for themselves. A section of the page is a template in `templates/settings`."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import digests
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.settings import choose

PLACE = "/settings"


async def show(visit: Visit, error: OcmError | None = None, form: dict[str, str] | None = None) -> Response:
    """Everything that can be set."""
    chosen = await visit.context.database.read(lambda tx: digests.choice(tx, visit.account.id))
    return visit.page(
        "settings.html",
        error,
        chosen=chosen,
        form=form or {"email": chosen.email, "mail": chosen.mail},
        sends_mail=bool(visit.context.config.mail_from),
        hours=visit.context.config.digest_interval / 3600,
        active="settings",
    )


async def set_mail(visit: Visit) -> Response:
    """Where mail reaches them, and whether news do."""
    form = {"email": "", "mail": digests.NONE} | await read_form(visit.request)
    try:
        await choose(visit.context, visit.account, {name: form[name] for name in ("email", "mail")})
    except OcmError as error:
        return await show(visit, error, form)
    return redirect(PLACE, "set")
