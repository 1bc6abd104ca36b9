"""A small WebDAV responder: the files of one share under one URL, in the dialect of a family.

`Dav.answer(call, tree)` does what the method says and answers as the family does. Who may ask is decided before,
by the family. A `Style` says which properties there are and what errors look like.
"""

from __future__ import annotations

import hashlib
import mimetypes
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.peers.values import Answer, Call

DAV = "{DAV:}"
OC = "{http://owncloud.org/ns}"
OCS = "{http://open-collaboration-services.org/ns}"
NC = "{http://nextcloud.org/ns}"

XML = ("Content-Type", "application/xml; charset=utf-8")


@dataclass(frozen=True)
class Tree:
    """What a credential opens: a file or folder on disk, the URL path that stands for it, and what is allowed."""

    root: Path
    prefix: str
    write: bool
    drop: bool = False  # a place to put files, and nothing else

    @property
    def single(self) -> bool:
        """A file was shared, not a folder."""
        return self.root.is_file()

    def locate(self, url_path: str) -> Path | None:
        """The file behind a URL path; None when the path leads out of the tree."""
        rest = unquote(url_path[len(self.prefix) :])
        parts = [part for part in rest.split("/") if part not in ("", ".")]
        return None if ".." in parts else self.root.joinpath(*parts)

    def href(self, path: Path) -> str:
        """The URL path of a file below the root; a folder's ends in a slash."""
        parts = path.relative_to(self.root).parts
        if not parts and self.single:
            return self.prefix
        found = "/".join((self.prefix.rstrip("/"), *(quote(part) for part in parts)))
        return f"{found}/" if path.is_dir() else found


SABRE_ERROR = """<?xml version="1.0" encoding="utf-8"?>
<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">
  <s:exception>Sabre\\DAV\\Exception\\{exception}</s:exception>
  <s:message>{message}</s:message>
</d:error>
"""

Properties = Callable[[Path, Tree], dict[str, str]]


@dataclass(frozen=True)
class Style:
    """How a family says it. `named` has every property that can be asked for, `all` the order of allprop."""

    dav: str
    properties: Properties
    prefixes: tuple[tuple[str, str], ...]
    declaration: str = '<?xml version="1.0"?>\n'
    error: str = SABRE_ERROR
    error_type: str = "application/xml; charset=utf-8"
    not_found: str = "File with name {path} could not be located"
    absent_in_allprop: tuple[str, ...] = ()
    options: tuple[int, str] = (200, "")  # status and DAV header of OPTIONS, the usual header if empty


def etag(path: Path) -> str:
    """Changes with a file, and with a folder when anything below it does."""
    if path.is_file():
        seen = f"{path.name}{path.stat().st_mtime_ns}".encode() + path.read_bytes()
        return hashlib.md5(seen).hexdigest()
    return hashlib.md5("".join([path.name, *map(etag, sorted(path.iterdir()))]).encode()).hexdigest()[:13]


def modified(path: Path) -> str:
    """As in Last-Modified."""
    return formatdate(path.stat().st_mtime, usegmt=True)


def content_type(path: Path) -> str:
    """By name."""
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def basic_properties(path: Path) -> dict[str, str]:
    """What every WebDAV server has, as inner XML."""
    if path.is_dir():
        return {
            f"{DAV}getlastmodified": modified(path),
            f"{DAV}resourcetype": "<d:collection/>",
            f"{DAV}getetag": f"&quot;{etag(path)}&quot;",
            f"{DAV}quota-available-bytes": "-3",
        }
    return {
        f"{DAV}getlastmodified": modified(path),
        f"{DAV}getcontentlength": str(path.stat().st_size),
        f"{DAV}getcontenttype": content_type(path),
        f"{DAV}resourcetype": "",
        f"{DAV}getetag": f"&quot;{etag(path)}&quot;",
    }


def asked_for(body: bytes) -> list[str] | None:
    """The properties that a PROPFIND names, None for all. `<allprop/>` in any namespace, or nothing, is all."""
    if not body.strip():
        return None
    named = [child.tag for prop in ElementTree.fromstring(body).iter(f"{DAV}prop") for child in prop]
    return named or None


class Dav:
    """The methods. Locks live here, one table for the whole server."""

    def __init__(self, style: Style) -> None:
        self.style = style
        self.locks: dict[Path, str] = {}
        self.methods = {
            "OPTIONS": self._options,
            "PROPFIND": self._propfind,
            "GET": self._get,
            "HEAD": self._get,
            "PUT": self._put,
            "MKCOL": self._mkcol,
            "DELETE": self._delete,
            "MOVE": self._transfer,
            "COPY": self._transfer,
            "LOCK": self._lock,
            "UNLOCK": self._unlock,
        }

    def answer(self, call: Call, tree: Tree) -> Answer:
        """Do it. The credential has been checked."""
        method = self.methods.get(call.method)
        if method is None:
            return self.error(501, "NotImplemented", f"{call.method} is not implemented")
        path = tree.locate(call.path)
        if path is None:
            return self._missing(call.path, tree)
        if call.method in ("PUT", "MKCOL", "DELETE", "MOVE", "COPY", "LOCK") and not tree.write:
            return self.error(403, "Forbidden", "")
        if tree.drop and (call.method in ("GET", "HEAD") or call.headers.get("Depth") not in (None, "0")):
            return self.error(403, "Forbidden", "")
        return method(call, tree, path)

    def error(self, status: int, exception: str, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
        """An error as sabre/dav and its imitators write it."""
        body = self.style.error.format(exception=exception, message=escape(message))
        return Answer(status, body.encode(), (("Content-Type", self.style.error_type), *headers))

    def _missing(self, url_path: str, tree: Tree) -> Answer:
        below = unquote(url_path[len(tree.prefix) :]).strip("/")
        return self.error(404, "NotFound", self.style.not_found.format(path=below), (("DAV", self.style.dav),))

    def _options(self, _call: Call, _tree: Tree, _path: Path) -> Answer:
        status, dav = self.style.options
        return Answer(status, b"", (("DAV", dav or self.style.dav), ("Allow", ", ".join(self.methods))))

    # --- reading ----------------------------------------------------------------------------------------------

    def _propfind(self, call: Call, tree: Tree, path: Path) -> Answer:
        if not path.exists():
            return self._missing(call.path, tree)
        named = asked_for(call.body)
        below = sorted(path.iterdir()) if path.is_dir() and call.headers.get("Depth") != "0" else []
        responses = "".join(self._response(each, tree, named) for each in (path, *below))
        spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in self.style.prefixes)
        body = f"{self.style.declaration}<d:multistatus {spaces}>{responses}</d:multistatus>"
        return Answer(207, body.encode(), (XML, ("DAV", self.style.dav)))

    def _response(self, path: Path, tree: Tree, named: list[str] | None) -> str:
        have = self.style.properties(path, tree)
        wanted = list(have) if named is None else [name for name in named if name in have]
        missing = self.style.absent_in_allprop if named is None else [name for name in named if name not in have]
        found = self._propstat(((name, have[name]) for name in wanted), "200 OK")
        absent = self._propstat(((name, "") for name in missing), "404 Not Found") if missing else ""
        return f"<d:response><d:href>{tree.href(path)}</d:href>{found}{absent}</d:response>"

    def _propstat(self, properties: Iterable[tuple[str, str]], status: str) -> str:
        prop = "".join(self._element(name, value) for name, value in properties)
        return f"<d:propstat><d:prop>{prop}</d:prop><d:status>HTTP/1.1 {status}</d:status></d:propstat>"

    def _element(self, clark: str, value: str) -> str:
        space, _, name = clark[1:].rpartition("}")
        known = {uri: prefix for prefix, uri in self.style.prefixes}
        tag = f"{known[space]}:{name}" if space in known else f"x1:{name}"
        declared = tag if space in known else f'{tag} xmlns:x1="{space}"'
        return f"<{declared}>{value}</{tag}>" if value else f"<{declared}/>"

    def _get(self, call: Call, tree: Tree, path: Path) -> Answer:
        if not path.exists():
            return self._missing(call.path, tree)
        if path.is_dir():
            return self.error(501, "NotImplemented", "GET requests are only for files")
        content = path.read_bytes()
        tag = f'"{etag(path)}"'
        headers = (
            ("Content-Type", content_type(path)),
            ("ETag", tag),
            ("OC-ETag", tag),
            ("Last-Modified", modified(path)),
        )
        wanted = call.headers.get("Range", "")
        if wanted.startswith("bytes=") and content:
            first, _, last = wanted[6:].partition("-")
            start = int(first) if first else max(0, len(content) - int(last))
            stop = min(int(last) + 1, len(content)) if first and last else len(content)
            span = ("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
            return Answer(206, content[start:stop], (*headers, span))
        return Answer(200, content, headers)

    # --- writing ----------------------------------------------------------------------------------------------

    def _locked(self, call: Call, path: Path) -> bool:
        token = self.locks.get(path)
        return token is not None and token not in call.headers.get("If", "") + call.headers.get("Lock-Token", "")

    def _put(self, call: Call, tree: Tree, path: Path) -> Answer:
        if self._locked(call, path):
            return self.error(423, "Locked", "")
        if path.is_dir():
            return self.error(409, "Conflict", "PUT is not allowed on non-files.")
        if not path.parent.is_dir():
            return self.error(409, "Conflict", "Files can only be created as children of collections")
        existed = path.exists()
        path.write_bytes(call.body)
        tag = f'"{etag(path)}"'
        return Answer(204 if existed else 201, b"", (("ETag", tag), ("OC-ETag", tag)))

    def _mkcol(self, call: Call, tree: Tree, path: Path) -> Answer:
        if path.exists():
            return self.error(405, "MethodNotAllowed", "The resource you tried to create already exists")
        if not path.parent.is_dir():
            return self.error(409, "Conflict", "Parent node does not exist")
        path.mkdir()
        return Answer(201)

    def _delete(self, call: Call, tree: Tree, path: Path) -> Answer:
        if not path.exists():
            return self._missing(call.path, tree)
        if self._locked(call, path):
            return self.error(423, "Locked", "")
        if path == tree.root:
            return self.error(403, "Forbidden", "")
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return Answer(204)

    def _transfer(self, call: Call, tree: Tree, path: Path) -> Answer:
        if not path.exists():
            return self._missing(call.path, tree)
        target = tree.locate(urlsplit(call.headers.get("Destination", "")).path)
        if target is None or not target.parent.is_dir():
            return self.error(409, "Conflict", "The destination node is not found")
        existed = target.exists()
        if existed and call.headers.get("Overwrite", "T") == "F":
            return self.error(412, "PreconditionFailed", "The destination node already exists")
        if call.method == "MOVE":
            path.rename(target)
        else:
            shutil.copytree(path, target) if path.is_dir() else shutil.copy2(path, target)
        return Answer(204 if existed else 201)

    def _lock(self, call: Call, tree: Tree, path: Path) -> Answer:
        if self._locked(call, path):
            return self.error(423, "Locked", "")
        token = self.locks.setdefault(path, f"opaquelocktoken:{uuid4()}")
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<d:prop xmlns:d="DAV:"><d:lockdiscovery><d:activelock>'
            "<d:locktype><d:write/></d:locktype><d:lockscope><d:exclusive/></d:lockscope><d:depth>0</d:depth>"
            f"<d:locktoken><d:href>{token}</d:href></d:locktoken></d:activelock></d:lockdiscovery></d:prop>"
        )
        return Answer(200, body.encode(), (XML, ("Lock-Token", f"<{token}>")))

    def _unlock(self, call: Call, tree: Tree, path: Path) -> Answer:
        if self.locks.get(path) == call.headers.get("Lock-Token", "").strip("<>"):
            del self.locks[path]
            return Answer(204)
        return self.error(409, "Conflict", "The locktoken does not match the lock")
