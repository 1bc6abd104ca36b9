"""The policy in its words, and the rules about single servers or all below a domain."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from opencloudmesh.protocol.errors import OcmError
from opencloudmesh.server import policy as gestures
from opencloudmesh.server import rules
from opencloudmesh.server.database import Tx
from opencloudmesh.server.languages import _
from opencloudmesh.server.web.operator import AREA, PAGE, policy, said
from opencloudmesh.server.web.pages.forms import read_form
from opencloudmesh.server.web.pages.operator.frame import framed, paged
from opencloudmesh.server.web.pages.visits import Visit, redirect

# The lines of the policy as questions, and their words as answers.
QUESTIONS = {
    "incoming": "Who elsewhere may share with people here?",
    "outgoing": "With whom elsewhere may people here share?",
    "signatures": "Must their messages be signed?",
    "tokens": "Does what people here share open with short-lived tokens alone?",
    "accept": "Whose shares are accepted without asking the person?",
}
GROUNDS = {
    gestures.ALLOWED: "People at servers that are allowed one by one",
    gestures.DIRECTORY: "People at servers that a directory lists",
    gestures.INVITED: "People with whom an invite was exchanged",
    gestures.STRANGER: "Everybody else, with a warning",
    gestures.ANYBODY: "Everybody, without a warning",
}
SIGNATURES = {
    gestures.REQUIRED: "Always: what is not signed is refused",
    gestures.EXPECTED: "If their server can: unsigned messages only from servers without a key that have never signed",
    gestures.OPTIONAL: "No: unsigned messages are taken from anybody",
}
TOKENS = {
    gestures.ALWAYS: "Always: nothing is shared with servers that cannot exchange them",
    gestures.POSSIBLE: "With every server that can exchange them",
    gestures.DEMANDED: "Only where the other server demands it",
}
STANDINGS = {
    rules.ALLOW: "allowed",
    rules.DENY: "denied",
    "nobody": "nobody",
    gestures.DIRECTORY: "members of directories",
    gestures.INVITED: "invited people",
    gestures.STRANGER: "strangers with a warning",
    gestures.ANYBODY: "anybody",
}
CHOICES = {rules.ALLOW: "Allowed", rules.DENY: "Denied"}
LABELS = {
    "incoming": "what they send",
    "outgoing": "what is sent to them",
    "signatures": "the signatures",
    "pattern": "the server or domain",
}


async def show(visit: Visit, error: OcmError | None = None, form: Mapping[str, str] | None = None) -> Response:
    """What holds for all servers, and a page of the rules."""
    after = said(visit.request, "after")

    def look(tx: Tx) -> tuple[dict[str, list[str]], list[rules.Row], tuple[str, ...]]:
        return policy.in_force(tx), rules.listing(tx, after=after, limit=PAGE + 1), gestures.criteria(tx)

    words, found, criteria = await visit.context.database.read(look)
    return framed(
        visit, "policy", "policy", error, labels=LABELS, words=words, knobs=gestures.KNOBS, questions=QUESTIONS,
        answers=GROUNDS | SIGNATURES | TOKENS, criteria=criteria, choices=CHOICES, signatures=SIGNATURES,
        form=form or {}, **paged(found, lambda row: row.pattern),
    )  # fmt: skip


async def change(visit: Visit) -> Response:
    """Other words for one line of the policy; none of them is nobody."""
    name, form = visit.request.path_params["name"], await read_form(visit.request)
    wanted = [form["one"]] if "one" in form else [word for word in GROUNDS if form.get(word) == "yes"]
    try:
        await policy.set_words(visit.context, visit.account, name, wanted)
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/policy", "decided")


async def decide(visit: Visit) -> Response:
    """Something is decided about a server, or all below a domain."""
    form = await read_form(visit.request)
    try:
        await policy.put(visit.context, visit.account, form.get("pattern", ""), decisions(form))
    except OcmError as error:
        return await show(visit, error, form)
    return redirect(f"{AREA}/policy", "decided")


async def undo(visit: Visit) -> Response:
    """It is taken back."""
    form = await read_form(visit.request)
    try:
        await policy.drop(visit.context, visit.account, form.get("pattern", ""))
    except OcmError as error:
        return await show(visit, error)
    return redirect(f"{AREA}/policy", "undecided")


def decisions(form: Mapping[str, str]) -> dict[str, str | None]:
    """What a form says of a server; what is left to the policy is None."""
    return {name: form.get(name) or None for name in policy.WORDS}


def grounds(standing: str) -> str:
    """What `policy.standing` says of a server, in words."""
    return ", ".join(_(STANDINGS.get(word, word)) for word in standing.split(","))
