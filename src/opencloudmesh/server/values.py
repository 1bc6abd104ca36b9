"""What the text of a setting stands for, where that is more than a word or a number."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from opencloudmesh.protocol.errors import Invalid
from opencloudmesh.protocol.protocols import is_web_address


def written(value: object) -> str:
    """A value as the text that stands for it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value.absolute() if isinstance(value, Path) else value)


def web_app(text: str) -> str:
    """The address of a web application. Raises `Invalid`."""
    if not is_web_address(text.strip().replace("{id}", "x"), plain_http=True):
        raise Invalid("Write an address like https://office.example/open?share={id}.")
    return text.strip()


def words(text: str) -> tuple[str, ...]:
    """A list with commas between."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. `tls`: from the first byte on, else by STARTTLS."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)


def mail_server(text: str) -> MailServer:
    """Raises `Invalid`."""
    try:
        url = urlsplit(text.strip())
        port = url.port
    except ValueError:
        raise Invalid("This is not the address of a mail server.") from None
    ports = {"smtp": 25, "smtps": 465}
    if url.scheme not in ports or not url.hostname or url.path.strip("/") or url.query or url.fragment:
        raise Invalid("Write the mail server as smtp://user:password@host:587 or smtps://user:password@host.")
    user, password = unquote(url.username or ""), unquote(url.password or "")
    return MailServer(url.hostname, port or ports[url.scheme], url.scheme == "smtps", user, password)
