"""Handing mail to the operator's mail server.

Certificates are always verified. A server that is named without TLS must offer STARTTLS, but on this very machine:
no password and no invite travels in clear. The standard library's client waits, so it runs on threads of its own.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from functools import partial

from opencloudmesh.protocol.errors import Refused, Unavailable
from opencloudmesh.protocol.sentences import Sentence

SECONDS = 15.0  # for the connection, and for each answer
HERE = frozenset({"localhost", "127.0.0.1", "::1"})

_threads = ThreadPoolExecutor(2, thread_name_prefix="mail")


async def send(
    message: EmailMessage, *, host: str, port: int, tls: bool, user: str, password: str, ca_file: str | None = None
) -> None:
    """Hands over a message. `tls`: from the first byte on, else by STARTTLS. `ca_file` adds authorities.

    Raises `Refused` where the server will never take it, `Unavailable` where it does not at the moment.
    """
    await asyncio.get_running_loop().run_in_executor(
        _threads, partial(_send, message, host, port, tls, (user, password), ca_file)
    )


def _send(message: EmailMessage, host: str, port: int, tls: bool, login: tuple[str, str], ca_file: str | None) -> None:
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    try:
        with _connected(host, port, tls, context, message["From"].addresses[0].domain) as connection:
            if login[0]:
                connection.login(*login)
            connection.send_message(message)
    except smtplib.SMTPAuthenticationError as error:
        raise Unavailable(
            "The mail server does not let this cloud in ({status}).",
            status=error.smtp_code,
            detail=_clean(error.smtp_error),
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise _answered(code, said) from None
    except smtplib.SMTPResponseException as error:
        raise _answered(error.smtp_code, error.smtp_error) from None
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable("The mail server cannot be reached, or not safely.", detail=repr(error)) from None


def _connected(host: str, port: int, tls: bool, context: ssl.SSLContext, own_name: str) -> smtplib.SMTP:
    if tls:
        return smtplib.SMTP_SSL(host, port, own_name, timeout=SECONDS, context=context)
    connection = smtplib.SMTP(host, port, own_name, timeout=SECONDS)
    try:
        connection.ehlo()
        if connection.has_extn("starttls") or host not in HERE:
            connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


def _answered(code: int, said: bytes | str) -> Refused | Unavailable:
    """What a mail server's no means (RFC 5321, 4.2.1: 5yz is for ever)."""
    why = _clean(said)
    reason = (
        Sentence("The mail server refused ({status}): {said}.", status=code, said=why)
        if why
        else Sentence("The mail server refused ({status}).", status=code)
    )
    return Refused(reason, peer_status=code) if code >= 500 else Unavailable(reason)


def _clean(said: bytes | str) -> str:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return "".join(c if c.isprintable() else " " for c in text)[:300].rstrip(". ")
