"""A mail server of a test's own: it speaks enough SMTP for a client, keeps what it is given, and refuses on demand."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage


@dataclass
class Mailbox:
    """`answers` replaces answers by the verb. `login`, if set, is the only "user:password" that is let in."""

    port: int = 0
    login: str = ""
    starttls: ssl.SSLContext | None = None
    answers: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)  # every line but those of mails
    in_clear: list[str] = field(default_factory=list)  # those that came without TLS


@asynccontextmanager
async def mailbox(*, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", **options: object
                  ) -> AsyncIterator[Mailbox]:  # fmt: skip
    """Serves as long as the block lasts. `tls`: from the first byte on."""
    box = Mailbox(**options)  # type: ignore[arg-type]

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await _talk(box, reader, writer)
        writer.close()

    server = await asyncio.start_server(connected, host, 0, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


async def _talk(box: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    say = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", "RSET": "250 ok", "QUIT": "221 bye"}
    writer.write(b"220 mailbox ESMTP\r\n")
    while line := (await reader.readline()).decode().strip():
        verb, encrypted = line.split()[0].upper(), writer.get_extra_info("ssl_object") is not None
        box.heard.append(line)
        box.in_clear += [] if encrypted else [line]
        answer = box.answers.get(verb) or say.get(verb, "502 what?")
        if verb == "EHLO":
            more = ["STARTTLS"] if box.starttls and not encrypted else []
            answer = "".join(f"250-{word}\r\n" for word in ["mailbox", *more, *(["AUTH PLAIN"] if box.login else [])])
            answer += "250 8BITMIME"
        elif verb == "AUTH":
            given = base64.b64decode(line.split()[2]).decode().split("\0")
            answer = "235 welcome" if ":".join(given[1:]) == box.login else "535 no"
        writer.write(f"{'220 go on' if verb == 'STARTTLS' and box.starttls else answer}\r\n".encode())
        if verb == "STARTTLS" and box.starttls:
            await writer.start_tls(box.starttls)
        elif verb == "RCPT" and answer.startswith("2"):
            box.recipients.append(line.partition("<")[2].partition(">")[0])
        elif verb == "DATA" and answer.startswith("3"):
            body = (await reader.readuntil(b"\r\n.\r\n")).replace(b"\r\n..", b"\r\n.").replace(b"\r\n", b"\n")
            box.mails.append(message_from_bytes(body.removesuffix(b".\n"), policy=policy.default))  # type: ignore[arg-type]
            writer.write(f"{box.answers.get('.', '250 taken')}\r\n".encode())
