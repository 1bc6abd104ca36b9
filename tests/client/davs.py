"""Real WebDAV servers on loopback over a folder: wsgidav, Apache httpd."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from tests.tools import require
from wsgidav.fs_dav_provider import FilesystemProvider
from wsgidav.wsgidav_app import WsgiDAVApp

USER, ROOT = "secret", "/dav/ocm/x1"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


class _Body:
    """A request body that ends: wsgiref leaves that to the application, wsgidav to the server."""

    def __init__(self, stream: Any, length: int) -> None:
        self._stream = stream
        self._left = length

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


@contextlib.contextmanager
def wsgidav(folder: Path, *, user: str = USER, root: str = ROOT) -> Iterator[str]:
    """Serves the folder to Basic `user:` at `root`; gives the base URL."""
    application = WsgiDAVApp(
        {
            "provider_mapping": {root: FilesystemProvider(str(folder))},
            "simple_dc": {"user_mapping": {"*": {user: {"password": ""}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "logging": {"enable": False},
            "verbose": 0,
        }
    )

    def bounded(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"] = _Body(environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0))
        return application(environ, start_response)

    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.set_app(bounded)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


CONFIGURATION = """
ServerName localhost
Listen 127.0.0.1:{port}
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
DocumentRoot {folder}/htdocs
{modules}
DavLockDB {folder}/locks
<Directory {folder}/htdocs>
    Dav On
    AuthType Basic
    AuthName test
    AuthUserFile {folder}/users
    Require valid-user
</Directory>
"""
MODULES = "mpm_event authn_core authn_file authz_core authz_user auth_basic dav dav_fs dir mime"
PLACES = ("/usr/lib/apache2/modules", "/usr/lib/httpd/modules", "/usr/lib64/httpd/modules")


@contextlib.contextmanager
def apache(folder: Path) -> Iterator[str]:
    """Serves `folder/htdocs` to Basic `secret:password`; gives the base URL."""
    executable = require("apache2")
    place = next(path for path in map(Path, PLACES) if path.is_dir())
    (folder / "htdocs").mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "users").write_text(f"{USER}:{{SHA}}{b64encode(hashlib.sha1(b'password').digest()).decode()}\n")
    (folder / "mime.types").touch()
    modules = "\n".join(f"LoadModule {name}_module {place}/mod_{name}.so" for name in MODULES.split())
    text = CONFIGURATION.format(port=port, folder=folder, modules=modules)
    (folder / "httpd.conf").write_text(text + f"TypesConfig {folder}/mime.types\n")
    process = subprocess.Popen([executable, "-X", "-f", folder / "httpd.conf"])
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError("the server did not start")
