"""Mail: an invite to somebody who has no part in the mesh yet, and news to our people.

Made here, handed to the mail server by `mailing`. Names that others chose are in it, and nothing secret but invites.
It is in the language of our person: of who is told, and of who invites, for nobody knows the one of a stranger.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
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
from opencloudmesh.server.languages import _, plural, speaking, when

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
    with _language_of(account):
        subject = _("{name} invites you to share files").format(name=name)
        text = _(INVITATION).format(
            name=name,
            link=shown["link"],
            code=shown["code"],
            address=f"{account.id}@{config.own_host}",
            provider=_line(config.provider),
            until=when(invite.expiration),
        )
    message = _message(invite.email, subject, text, config, invite.id, now)
    if is_email(account.email):
        message["Reply-To"] = Address(name, addr_spec=account.email)
    return message


def digest(
    account: Account, rows: Sequence[sa.Row[Any]], count: int, config: Config, mail_id: str, now: int
) -> EmailMessage:
    """The mail with `rows` of `news`, of `count` that there are. `now` in unix seconds."""
    provider = _line(config.provider)
    with _language_of(account):
        lines = [_unlinked(_line(news.sentence(row, _), 600)) for row in rows]
        if count > len(rows):
            lines.append(plural("and {n} more", "and {n} more", count - len(rows)).format(n=count - len(rows)))
        subject = plural("{n} new notification at {provider}", "{n} new notifications at {provider}", count).format(
            n=count, provider=provider
        )
        text = _(DIGEST).format(
            name=_line(account.name) or account.id,
            provider=provider,
            lines="\n".join(f"- {line}" for line in lines),
            news=config.public_url + NEWS_PATH,
            settings=config.public_url + SETTINGS_PATH,
            every=_span(config.digest_interval),
        )
    message = _message(account.email, subject, text, config, mail_id, now)
    message["List-Unsubscribe"] = f"<{config.public_url}{SETTINGS_PATH}>"
    return message


def _language_of(account: Account) -> AbstractContextManager[None]:
    return speaking(account.language or account.browser_language)


def _message(to: str, subject: str, text: str, config: Config, mail_id: str, now: int) -> EmailMessage:
    """A mail; `mail_id` is the same where it is sent again."""
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(_line(config.provider), addr_spec=config.mail_from)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject
    message["Date"] = formatdate(now)
    message["Message-ID"] = f"<{mail_id}@{config.mail_from.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's out-of-office answers it
    message.set_content(text, cte="quoted-printable")
    return message


def _span(seconds: int) -> str:
    """An hour, or so many minutes or hours."""
    minutes = max(1, seconds // 60)
    if minutes % 60 == 0:
        return plural("an hour", "{n} hours", minutes // 60).format(n=minutes // 60)
    return plural("a minute", "{n} minutes", minutes).format(n=minutes)


def _unlinked(text: str) -> str:
    """Text in which no program sees a link: strangers choose the names of files."""
    return text.replace("://", ": //").replace("www.", "www .")


def _line(text: str, limit: int = 200) -> str:
    """Text without anything that could end a line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:limit]).split())
