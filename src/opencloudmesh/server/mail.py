"""Mail: an invite to somebody who has no part in the mesh yet, and news to our people.

Made here, handed to the mail server by `mailing`. Names that others chose are in it, and nothing secret but invites.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any

import sqlalchemy as sa

from opencloudmesh.protocol.address import is_email
from opencloudmesh.protocol.errors import FieldError, Invalid
from opencloudmesh.server import news, views
from opencloudmesh.server.accounts import Account
from opencloudmesh.server.config import Config

NEWS_PATH, SETTINGS_PATH = "/notifications", "/settings"  # pages

INVITATION = """\
{name} would like to share files with you, each of you at your own cloud.

Open this page, and say which cloud is yours:

{link}

Or paste this code where your cloud lets you accept invites:

{code}

{name} is {address}, at {provider}. The invite is for one person, and good until
{until}. If you do not know {name}, there is nothing to do.
"""

DIGEST = """\
Hello {name},

this happened at {provider}, and you have not read it there yet:

{lines}

Read more, and mark it as read:

{news}

You get at most one such mail in {every}. To get none, or to get them at another
address:

{settings}
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
    message = _message(invite.email, f"{name} invites you to share files", config, invite.id, now)
    if is_email(account.email):
        message["Reply-To"] = Address(name, addr_spec=account.email)
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


def digest(
    account: Account, rows: Sequence[sa.Row[Any]], count: int, config: Config, mail_id: str, now: int
) -> EmailMessage:
    """The mail with `rows` of `news`, of `count` that there are. `now` in unix seconds."""
    lines = [f"- {_unlinked(_line(news.sentence(row), 600))}" for row in rows]
    lines += [f"- and {count - len(rows)} more"] if count > len(rows) else []
    subject = f"{count} new notification{'' if count == 1 else 's'} at {_line(config.provider)}"
    message = _message(account.email, subject, config, mail_id, now)
    message["List-Unsubscribe"] = f"<{config.public_url}{SETTINGS_PATH}>"
    text = DIGEST.format(
        name=_line(account.name) or account.id,
        provider=_line(config.provider),
        lines="\n".join(lines),
        news=config.public_url + NEWS_PATH,
        settings=config.public_url + SETTINGS_PATH,
        every=_span(config.digest_interval),
    )
    message.set_content(text, cte="quoted-printable")
    return message


def _message(to: str, subject: str, config: Config, mail_id: str, now: int) -> EmailMessage:
    """The heads of a mail; `mail_id` is the same where it is sent again."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_line(config.provider), addr_spec=config.mail_from)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject
    message["Date"] = formatdate(now)
    message["Message-ID"] = f"<{mail_id}@{config.mail_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers it
    return message


def _span(seconds: int) -> str:
    """An hour, or so many minutes or hours."""
    minutes = max(1, seconds // 60)
    return "an hour" if minutes == 60 else f"{minutes // 60} hours" if minutes % 60 == 0 else f"{minutes} minutes"


def _unlinked(text: str) -> str:
    """Text in which no program sees a link: strangers choose the names of files."""
    return text.replace("://", ": //").replace("www.", "www .")


def _line(text: str, limit: int = 200) -> str:
    """Text without anything that could end a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:limit]).split())
