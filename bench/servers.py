"""The servers that are measured, each a subprocess on a free loopback port with its files in a temporary folder.

    with ours(folder, pinned) as server: ...

All serve the same tree under the same password. The references keep it as SHA-1, the cheapest that both of them
know, and log no requests, so that neither makes them slow.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path

from bench.machine import find, free_port, wait_for

USER, PASSWORD = "marie", "radioactivity"
AUTHORIZATION = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
NGINX_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
APACHE_MODULES = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
PROPFIND_MODULE = "ngx_http_dav_ext_module.so"

NGINX = """{load}
daemon off; worker_processes 1; pid {folder}/pid; {user}
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {files}; auth_basic bench; auth_basic_user_file {folder}/passwords;
        location / {{ dav_methods PUT DELETE MKCOL COPY MOVE; {propfind} }}
    }}
}}
"""
APACHE = """ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
{load}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/log
{user}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAliveTimeout 60
MaxKeepAliveRequests 0
LimitRequestBody 0
EnableSendfile On
DavLockDB {folder}/locks/db
DocumentRoot {files}
<Directory {files}>
    AuthType Basic
    AuthName bench
    AuthUserFile {folder}/passwords
    Require valid-user
    Dav On
</Directory>
"""
APACHE_LOADS = "mpm_event unixd authn_core authn_file authz_core authz_user auth_basic dav dav_fs"


@dataclass(slots=True)
class Server:
    """One that runs. `files` is where the tree is on disk, `path` where it is in URLs, with "/" at its end.

    `session` is that of its processes.
    """

    name: str
    port: int
    files: Path
    path: str
    log: Path
    propfind: bool = True
    session: int = 0

    def head(self, method: str, path: str, *fields: str) -> bytes:
        """A request without a body, or its beginning."""
        lines = [f"{method} {self.path}{path} HTTP/1.1", f"Host: localhost:{self.port}"]
        return "\r\n".join([*lines, f"Authorization: {AUTHORIZATION}", *fields, "", ""]).encode()


@contextmanager
def ours(folder: Path, pinned: Sequence[str]) -> Iterator[Server]:
    """One process of `ocm serve` with the embedded database."""
    (folder / "data").mkdir(parents=True)
    port, ocm = free_port(), Path(sys.executable).parent / "ocm"
    # Settings of whoever runs this must not change what is measured.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OCM_")}
    add = [ocm, "user", "add", "--data", folder / "data", USER]
    subprocess.run(add, check=True, stdout=subprocess.DEVNULL, env=environment | {"OCM_PASSWORD": PASSWORD})
    command = [ocm, "serve", "--data", folder / "data", "--public-url", f"http://localhost:{port}"]
    command += ["--port", str(port), "--development"]
    server = Server("ours", port, folder / "data" / "files" / USER, f"/dav/files/{USER}/", folder / "log")
    with _running(server, [*pinned, *command], environment):
        yield server


@contextmanager
def nginx(folder: Path, pinned: Sequence[str]) -> Iterator[Server | None]:
    """One worker of nginx with its DAV module; None where it is not here."""
    executable = find("nginx")
    if executable is None:
        yield None
        return
    files = _prepare(folder)
    module = _module(NGINX_MODULES, PROPFIND_MODULE)
    server = Server(_version("nginx", [executable, "-v"]), free_port(), files, "/", folder / "log", bool(module))
    config = NGINX.format(
        load=f"load_module {module};" if module else "",
        propfind="dav_ext_methods PROPFIND OPTIONS;" if module else "",
        user="user root;" if os.geteuid() == 0 else "",  # else root's worker could not read a folder of root
        folder=folder,
        files=files,
        port=server.port,
    )
    (folder / "nginx.conf").write_text(config)
    command = [executable, "-e", folder / "log", "-p", folder, "-c", folder / "nginx.conf"]
    with _running(server, [*pinned, *command]):
        yield server


@contextmanager
def apache(folder: Path, pinned: Sequence[str]) -> Iterator[Server | None]:
    """One process of Apache with mod_dav and 64 threads; None where it is not here."""
    executable = find("apache2", "httpd")
    if executable is None or _module(APACHE_MODULES, "mod_dav_fs.so") is None:
        yield None
        return
    files = _prepare(folder)
    (folder / "locks").mkdir()
    if os.geteuid() == 0:  # it refuses to serve as root, so it gets the two folders in which it writes
        for writable in (files, folder / "locks"):
            writable.chmod(0o777)
    # What is not there as a file is built in.
    loads = [(name, _module(APACHE_MODULES, f"mod_{name}.so")) for name in APACHE_LOADS.split()]
    server = Server(_version("Apache", [executable, "-v"]), free_port(), files, "/", folder / "log")
    config = APACHE.format(
        load="\n".join(f"LoadModule {name}_module {path}" for name, path in loads if path),
        user="User #65534\nGroup #65534" if os.geteuid() == 0 else "",
        folder=folder,
        files=files,
        port=server.port,
    )
    (folder / "apache.conf").write_text(config)
    with _running(server, [*pinned, executable, "-f", folder / "apache.conf", "-DFOREGROUND"]):
        yield server


REFERENCES = (("nginx", nginx), ("Apache", apache))


def _prepare(folder: Path) -> Path:
    folder.mkdir(mode=0o755)
    digest = b64encode(sha1(PASSWORD.encode()).digest()).decode()
    (folder / "passwords").write_text(f"{USER}:{{SHA}}{digest}\n")
    files = folder / "files"
    files.mkdir()
    return files


def _module(places: Sequence[str], name: str) -> Path | None:
    return next((path for place in places if (path := Path(place, name)).exists()), None)


def _version(name: str, command: Sequence[str | Path]) -> str:
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"/(\d[\d.]*)", told.stdout + told.stderr)
    return f"{name} {found[1]}" if found else name


@contextmanager
def _running(
    server: Server, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    with server.log.open("ab") as log:
        # In a session of its own: Ctrl-C is for us, and we end it.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    try:
        server.session = process.pid
        if not wait_for(server.port, lambda: process.poll() is None):
            raise SystemExit(f"{server.name} did not start:\n{server.log.read_text(errors='replace')[-2000:]}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
