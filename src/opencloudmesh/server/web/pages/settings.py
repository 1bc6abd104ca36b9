"""Settings: what a person sets for themselves. A section of the page is a template in `templates/settings`."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import digests, languages
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
        form={"email": chosen.email, "mail": chosen.mail} | (form or {}),
        names=languages.NAMES,
        sends_mail=bool(visit.context.config.mail_from),
        hours=visit.context.config.digest_interval / 3600,
        active="settings",
    )


async def set_mail(visit: Visit) -> Response:
    """Where mail reaches them, and whether news do."""
    return await _set(visit, {"email": "", "mail": digests.NONE})


async def set_language(visit: Visit) -> Response:
    """In which language they are spoken to."""
    return await _set(visit, {"language": ""})


async def _set(visit: Visit, form: dict[str, str]) -> Response:
    """Takes what the fields of a form say; those that are not sent are as in `form`."""
    sent = await read_form(visit.request)
    form = {name: sent.get(name, value) for name, value in form.items()}
    try:
        await choose(visit.context, visit.account, form)
    except OcmError as error:
        return await show(visit, error, form)
    return redirect(PLACE, "set")
