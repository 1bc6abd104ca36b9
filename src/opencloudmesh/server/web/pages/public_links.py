"""Add from a link: a person was given a link of another cloud, and wants what it shows among their own files.

What Nextcloud and ownCloud lead a browser here with is behind a "#", which no server sees: a script puts it into the
form, and without scripts the person does.
"""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import public_links
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect
from opencloudmesh.server.web.public_links import read


async def ask(visit: Visit) -> Response:
    """Which link?"""
    return visit.page("add.html", active="inbox", link=visit.request.query_params.get("link", ""))


async def add(visit: Visit) -> Response:
    """The cloud of the link is asked, and its share arrives as any other; or what it shows is there at once."""
    form = await read_form(visit.request)
    try:
        link, password = read(dict(form))
        taken = await public_links.take(visit.context, visit.account, link, password)
    except OcmError as error:
        return visit.page("add.html", error, active="inbox", link=form.get("link", ""))
    return redirect("/inbox", "added" if taken.kept is None else "kept")
