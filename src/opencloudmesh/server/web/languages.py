"""Every request is answered in the language that its browser asks for, until it is known who asks and what they chose
(`pages/login.py`).
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from opencloudmesh.server.languages import speaking


class Languages:
    """ASGI middleware: the header `Accept-Language` counts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the application."""
        wanted = Headers(scope=scope).get("accept-language", "") if scope["type"] == "http" else ""
        with speaking(wanted):
            await self._app(scope, receive, send)
