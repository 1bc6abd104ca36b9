"""Mail to people who have no part in the mesh yet: an invite. Made here, handed to the mail server by the worker."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import is_email
from opencloudmesh.protocol.errors import FieldError, Invalid
from opencloudmesh.server import views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.config import Config

INVITATION = """\
{name} would like to share files with you, each of you at your own cloud.

Open this page, and say which cloud is yours:

{link}

Or paste this code where your cloud lets you accept invites:

{code}

{name} is {address}, at {provider}. The invite is for one person, and good until
{until}. If you do not know {name}, there is nothing to do.
"""


def address(text: str) -> str:
    """An e-mail address to send to. Raises `Invalid`."""
    stripped = text.strip()
    if not is_email(stripped):
        raise Invalid("This is not an e-mail address.", fields=[FieldError("email", "INVALID")])
    return stripped


def invitation(invite: sa.Row[Any], account: Account, config: Config, now: int) -> EmailMessage:
    """The mail with an invite. `now` in unix seconds."""
    name = _line(account.name) or account.id
    shown = views.spellings(invite.token, config.public_url)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_line(config.provider), addr_spec=config.mail_from)
    message["To"] = Address(addr_spec=invite.email)
    if is_email(account.email):
        message["Reply-To"] = Address(name, addr_spec=account.email)
    message["Subject"] = f"{name} invites you to share files"
    message["Date"] = formatdate(now)
    message["Message-ID"] = f"<{invite.id}@{config.mail_from.rpartition('@')[2]}>"  # again, where it is sent again
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers it
    message.set_content(
        INVITATION.format(
            name=name,
            link=shown["link"],
            code=shown["code"],
            address=f"{account.id}@{config.own_host}",
            provider=_line(config.provider),
            until=formatdate(invite.expiration, usegmt=True),
        ),
        cte="quoted-printable",
    )
    return message


def _line(text: str) -> str:
    """Text without anything that could end a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:200]).split())
