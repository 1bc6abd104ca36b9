"""What a person copies from received shares to their own files, and how far it is."""

from __future__ import annotations

from starlette.responses import Response

from opencloudmesh.protocol.errors import NotFound, OcmError
from opencloudmesh.server import copies
from opencloudmesh.server.web.copies import begin, cancel, listing
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.visits import Visit, redirect

PLACE = "/copies"
STATES = {"waiting": "Being copied", "failed": "Stopped", "done": "Copied"}
AGAIN = "5"  # seconds after which the page looks again, while something is under way


async def show(visit: Visit, error: OcmError | None = None) -> Response:
    """All of it, newest first."""
    jobs = await listing(visit.context, visit.account)
    response = visit.page("copies.html", error, active="inbox", copies=jobs, states=STATES)
    if error is None and any(job["state"] == "waiting" for job in jobs):
        response.headers["Refresh"] = f"{AGAIN}; url={PLACE}"  # without what was just done
    return response


async def create(visit: Visit) -> Response:
    """Something is copied."""
    form = await read_form(visit.request)
    try:
        await begin(visit.context, visit.account, dict(form))
    except OcmError as error:
        return await show(visit, error)
    return redirect(PLACE, "copying")


async def answer(visit: Visit) -> Response:
    """It is tried again, or not wanted any more."""
    copy_id, what = visit.request.path_params["id"], visit.request.path_params["answer"]
    if what == "remove":
        await cancel(visit.context, visit.account, copy_id)
        return redirect(PLACE, "removed")
    if what != "retry":
        raise NotFound("There is nothing here.")
    await visit.context.commit(lambda tx: copies.retry(tx, copy_id, account=visit.account.id))
    return redirect(PLACE, "copying")
