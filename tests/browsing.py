"""A person with a browser, as far as a server can tell: cookies, forms, and what is to be read on a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

from tests.mesh import PASSWORD, Server

from opencloudmesh.protocol.wire import Response

BOUNDARY = "----boundary"
EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(1)>&amp;"""


class Page(HTMLParser):
    """An answer: its text, its forms by their action, its links."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.status, self.headers, self.html = answer.status, answer.headers, answer.body.decode()
        self.links: list[str] = []
        self.forms: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._text: list[str] = []
        self.feed(self.html)

    @property
    def text(self) -> str:
        return " ".join("".join(self._text).split())

    def form(self, pattern: str) -> str:
        """The action of the only form that matches."""
        (action,) = [action for action in self.forms if re.fullmatch(pattern, action)]
        return action

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        if tag == "a":
            self.links.append(values["href"] or "")
        if tag == "form":
            self.forms.append(values["action"] or "")

    def handle_data(self, data: str) -> None:
        self._text.append(data)


class Browser:
    """One browser at one cloud."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def send(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str | None] | None = None
    ) -> Response:
        """One request, with the headers of a browser but for those given."""
        fields: dict[str, str | None] = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        if method == "POST":
            fields["Origin"] = self.server.url
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        fields |= headers or {}
        sent = {name: value for name, value in fields.items() if value is not None}
        answer = await self.server.request(method, path, sent, body)
        self.server.session.cookie_jar.clear()  # each browser has its own
        self.set_cookies = [value for name, value in answer.headers if name.lower() == "set-cookie"]
        for cookie in self.set_cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value.strip('"')
            if "max-age=0" in cookie.lower():
                del self.cookies[name]
        return answer

    async def open(self, path: str, status: int = 200) -> Page:
        """A page, after all redirects."""
        return await self.follow(await self.send("GET", path), status)

    async def submit(self, action: str, status: int = 200, headers: Any = None, **form: str | list[str]) -> Page:
        """A form is sent. A list: several fields of one name."""
        fields = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return await self.follow(await self.send("POST", action, urlencode(form, doseq=True).encode(), fields), status)

    async def upload(self, folder: str, files: list[tuple[str, bytes]], status: int = 200, **fields: str) -> Page:
        """Files are uploaded into a folder."""
        return await self.send_files(f"/upload/{quote(folder)}", files, status, **fields)

    async def send_files(self, action: str, files: list[tuple[str, bytes]], status: int = 200, **fields: str) -> Page:
        """Files are uploaded by a form."""
        parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
        parts += [(f'name="file"; filename="{name}"', content) for name, content in files]
        body = b"".join(
            f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + content + b"\r\n"
            for head, content in parts
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = await self.send("POST", action, body + f"--{BOUNDARY}--\r\n".encode(), kind)
        return await self.follow(answer, status)

    async def sign_in(self, who: str, password: str = PASSWORD, status: int = 200, **form: str) -> Page:
        """The person signs in."""
        return await self.submit("/login", status, user=who, password=password, **form)

    async def follow(self, answer: Response, status: int) -> Page:
        for _ in range(5):
            if answer.status != 303:
                break
            target = answer.headers.get("location") or ""
            assert target.startswith("/"), target
            answer = await self.send("GET", target)
        assert answer.status == status, (answer.status, answer.body.decode()[:2000])
        return Page(answer)


def harmless(page: Page) -> bool:
    """Nothing on the page runs, or loads anything from elsewhere."""
    for tag, values in page.tags:
        if any(name.startswith("on") or name == "style" for name in values):
            return False
        if any(not (values.get(name) or "/").startswith("/") for name in ("src", "action", "formaction")):
            return False
        if tag in ("link", "script") and not (values.get("href") or values.get("src") or "").startswith("/static/"):
            return False
    return True
