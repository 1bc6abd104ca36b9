"""Accepting an invite from elsewhere: the one gesture of a person that waits for another server.

Nothing is stored before the inviter's server has agreed. If its answer is lost, accepting again completes it.
"""

from __future__ import annotations

from contextlib import suppress

from opencloudmesh.client import peer as client
from opencloudmesh.protocol import invites as messages
from opencloudmesh.protocol.address import Address
from opencloudmesh.protocol.errors import BadAnswer, Conflict, FieldError, Forbidden, Invalid, OcmError, Refused
from opencloudmesh.protocol.invites import Identity, InviteAccepted
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import audit, contacts, invites, policy, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.context import Context
from opencloudmesh.server.database import Tx

SENTENCES = {
    400: Sentence("The invite is not known there, or no longer valid."),
    403: Sentence("That server does not trust this one."),
    404: Sentence("The invite is not known there, or no longer valid."),  # Reva, OpenCloud and oCIS
    409: Sentence("The invite has been accepted already."),
}


async def accept(context: Context, account: Account, invite: str) -> dict[str, object]:
    """Accepts an invite in any spelling; the contact that it brought.

    Raises `Invalid` for what is no invite or one of our own, `Conflict` for one that somebody else took, `Forbidden`,
    and what `Lookup.discover` raises.
    """
    token, host = messages.decode(invite)
    own_host = context.config.own_host
    if host == own_host:
        raise Invalid("This invite is from this very server.", fields=[FieldError("invite", "INVALID")])
    async with context.audited():
        await context.database.read(
            lambda tx: policy.admit(tx, "invite", "out", host, account=account.id, address="", invited=True)
        )
    peer = await context.lookup.discover(host)
    me = invites.identity(account)
    message = InviteAccepted(own_host, token, me.user_id, me.email, me.name)
    signer = context.keys.signer(peer)
    try:
        answer = await client.post(context.network, f"{peer.end_point}/invite-accepted", message.encode(), signer)
        inviter = Identity.parse(answer.body)
    except Refused as refusal:
        try:
            inviter = _identity_in(refusal)
        except OcmError as error:
            reason = error.message
            await context.database.write(
                lambda tx: audit.record(tx, "invite", "out", "refused", host=host, account=account.id, reason=reason)
            )
            raise
    address = Address(inviter.user_id, host)

    def meet(tx: Tx) -> contacts.Row:
        audit.record(tx, "invite", "out", host=host, account=account.id, who=str(address))
        return contacts.meet(tx, account.id, address, name=inviter.name, email=inviter.email, source=contacts.INVITE)

    return views.contact(await context.database.write(meet))


def _identity_in(refusal: Refused) -> Identity:
    """opencloudmesh-go answers 409 with the identity to one who accepts again. Everything else is a refusal."""
    if refusal.peer_status == 409:
        with suppress(BadAnswer):
            return Identity.parse(refusal.body)
    message = SENTENCES.get(refusal.peer_status, refusal.message)
    kinds = {400: Invalid, 404: Invalid, 409: Conflict}
    raise kinds.get(refusal.peer_status, Forbidden)(message, detail=refusal.message) from None
