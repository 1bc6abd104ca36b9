"""HTTP Message Signatures (RFC 9421) as Open Cloud Mesh uses them (IETF-OCM 1.3 and 1.4, Appendix B).

    signature = read(request)                # the one made for Open Cloud Mesh, or None
    signature.check(request)                 # does it cover what we demand, and does the body match?
    signature.base(request)                  # the bytes that were signed

`signature_base` builds the base for any components of a request; @status and the parameters `sf`, `key`, `bs`,
`req` and `tr`, which no peer uses, are refused.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qsl, quote

import http_sf

from opencloudmesh.protocol.errors import SignatureError
from opencloudmesh.protocol.keys import PublicKey, SigningKey
from opencloudmesh.protocol.signatures import message
from opencloudmesh.protocol.wire import Request

# draft-ietf-ocm-open-cloud-mesh-05 marks the signature by the label, 1.4 by the tag. Nextcloud 34 looks for the
# label, Nextcloud 35 and opencloudmesh-go for the tag: we write both.
LABEL = TAG = "ocm"
REQUIRED = ("@method", "@target-uri", "content-digest", "content-length")
# 1.3 and that draft demand `date` too, and so does Nextcloud 34; opencloudmesh-go sends none.
SIGNED = (*REQUIRED, "date")

ALGORITHMS = frozenset({"ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha512"})
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha-256": lambda body: hashlib.sha256(body).digest(),
    "sha-512": lambda body: hashlib.sha512(body).digest(),
}
_PLAIN_NAME = re.compile(r"@?[a-z0-9-]+")
_PARAMETER_TYPES = {"created": int, "expires": int, "keyid": str, "alg": str, "nonce": str, "tag": str}


class Component(NamedTuple):
    """What a signature covers: a header field, or with "@" a derived component (RFC 9421, 2)."""

    name: str
    parameters: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of a request. `parameters` has `created` and `keyid` at least, of the right types."""

    components: tuple[Component, ...]
    parameters: Mapping[str, Any] = dataclass_field(hash=False)
    value: bytes = dataclass_field(repr=False)

    @property
    def key_id(self) -> str:
        """Which key is said to have signed."""
        return str(self.parameters["keyid"])

    @property
    def created(self) -> int:
        """When, in unix seconds."""
        return int(self.parameters["created"])

    @property
    def expires(self) -> int | None:
        """Until when, in unix seconds."""
        return self.parameters.get("expires")

    def check(self, request: Request) -> None:
        """Raises `SignatureError` unless all that we demand is covered and the body is the signed one."""
        covered = {component.name for component in self.components if not component.parameters}
        missing = [name for name in REQUIRED if name not in covered]
        if missing:
            raise SignatureError("The signature does not cover enough.", detail=" ".join(missing))
        message.check_length(request)
        digests = _dictionary(message.field(request, "content-digest"), "Content-Digest")
        given = {name: item[0] for name, item in digests.items()}
        message.check_digests(request, given, _DIGESTS)

    def base(self, request: Request) -> bytes:
        """The bytes that were signed. Raises `SignatureError`."""
        return signature_base(request, self.components, self.parameters)

    def algorithms(self, key: PublicKey) -> tuple[str, ...]:
        """What to try with `key`: `alg`, or where that is absent the only algorithm of the key (3.2, 6)."""
        named = self.parameters.get("alg")
        possible = key.algorithms & ALGORITHMS & (ALGORITHMS if named is None else {named})
        return tuple(possible) if len(possible) == 1 else ()


def read(request: Request) -> Signature | None:
    """The request's signature for Open Cloud Mesh; None if there is none, be there others or not.

    It is the one with the tag, or else the one with the label. Raises `SignatureError` where it is malformed or
    not the only one.
    """
    inputs = _dictionary(request.headers.get("signature-input") or "", "Signature-Input")
    label = _choose(inputs)
    if label is None:
        return None
    values = _dictionary(request.headers.get("signature") or "", "Signature")
    components, parameters = inputs[label]
    value, _ = values.get(label, (None, {}))
    if not isinstance(components, list) or not isinstance(value, bytes):
        raise SignatureError("The signature is not understood.")
    _check_parameters(parameters)
    return Signature(tuple(_component(item) for item in components), parameters, value)


def sign(request: Request, key: SigningKey, now: int, nonce: str | None) -> Request:
    """The request with its signature, covering `SIGNED`. `now` in unix seconds."""
    if key.algorithm not in ALGORITHMS:
        raise SignatureError("Our key is not one for these signatures.", detail=f"{key.kid}: {key.algorithm}")
    digest = _DIGESTS["sha-256"](request.body)
    headers = request.headers | {
        "Date": message.format_date(now),
        "Content-Length": str(len(request.body)),
        "Content-Digest": http_sf.ser({"sha-256": digest}),
    }
    request = Request(request.method, request.url, headers, request.body)
    parameters: dict[str, Any] = {"created": now, "keyid": key.kid, "alg": key.algorithm}
    parameters |= {"nonce": nonce, "tag": TAG} if nonce is not None else {"tag": TAG}
    value = key.sign(signature_base(request, map(Component, SIGNED), parameters))
    covered: list[Any] = list(SIGNED)
    fields = {
        "Signature-Input": http_sf.ser({LABEL: (covered, parameters)}),
        "Signature": http_sf.ser({LABEL: value}),
    }
    return Request(request.method, request.url, headers | fields, request.body)


def signature_base(request: Request, components: Iterable[Component], parameters: Mapping[str, Any]) -> bytes:
    """The bytes to sign (RFC 9421, 2.5). Raises `SignatureError` for a component that is absent or not known."""
    values: dict[str, str] = {}
    for component in components:
        value = _value(request, component.name, dict(component.parameters))
        identifier = _identifier(component)
        if identifier in values:
            raise SignatureError("The signature covers the same thing twice.", detail=identifier)
        values[identifier] = value
    lines = [message.line(identifier, value) for identifier, value in values.items()]
    behind_list = http_sf.ser([([], dict(parameters))]).removeprefix("(")
    lines.append(f'"@signature-params": ({" ".join(values)}{behind_list}')
    return "\n".join(lines).encode()


def _identifier(component: Component) -> str:
    if not component.parameters and _PLAIN_NAME.fullmatch(component.name):
        return f'"{component.name}"'  # what the line below gives, in a tenth of the time
    return http_sf.ser((component.name, dict(component.parameters)))


def _value(request: Request, name: str, parameters: dict[str, Any]) -> str:
    if name == "@query-param":
        return _query_parameter(request, parameters)
    if parameters:
        raise SignatureError("The signature covers something in a way that is not supported.", detail=name)
    if not name.startswith("@") and name == name.lower():
        return message.field(request, name)
    derive = _DERIVED.get(name)
    if derive is None:
        raise SignatureError("The signature covers something that is not supported.", detail=name)
    return derive(request)


def _path(request: Request) -> str:
    return message.split(request).path or "/"


def _query(request: Request) -> str:
    return "?" + message.split(request).query


def _request_target(request: Request) -> str:
    # Not from the parts of the URL: they do not tell "/path?" from "/path".
    behind_scheme = request.url.partition("#")[0].partition("://")[2]
    target = behind_scheme[len(message.split(request).netloc) :]
    return target if target.startswith("/") else "/" + target


_DERIVED: Mapping[str, Callable[[Request], str]] = {
    "@method": lambda request: request.method,
    "@target-uri": lambda request: request.url.partition("#")[0],
    "@authority": message.authority,
    "@scheme": lambda request: message.split(request).scheme.lower(),
    "@request-target": _request_target,
    "@path": _path,
    "@query": _query,
}


def _query_parameter(request: Request, parameters: dict[str, Any]) -> str:
    # RFC 9421, 2.2.8: decoded as a form, encoded again; a name that is repeated cannot be signed.
    name = parameters.get("name")
    if list(parameters) != ["name"] or not isinstance(name, str):
        raise SignatureError("The signature covers something in a way that is not supported.", detail="@query-param")
    found = [
        value for key, value in parse_qsl(message.split(request).query, keep_blank_values=True) if _encode(key) == name
    ]
    if len(found) != 1:
        raise SignatureError("The signature covers a parameter that is absent or repeated.", detail=name)
    return _encode(found[0])


def _encode(text: str) -> str:
    return quote(text, safe="*-._").replace("~", "%7E")


def _choose(inputs: Mapping[str, Any]) -> str | None:
    tags = {label: _tag(parameters) for label, (_, parameters) in inputs.items()}
    tagged = [label for label, tag in tags.items() if tag == TAG]
    if len(tagged) > 1:
        raise SignatureError("There is more than one signature for Open Cloud Mesh.")
    if tagged:
        return tagged[0]
    return LABEL if LABEL in tags and tags[LABEL] is None else None


def _tag(parameters: Mapping[str, Any]) -> str | None:
    tag = parameters.get("tag")
    return None if tag is None else tag if isinstance(tag, str) else ""


def _check_parameters(parameters: Mapping[str, Any]) -> None:
    # `type`, because a boolean is an int too.
    wrong = [
        name for name, kind in _PARAMETER_TYPES.items() if name in parameters and type(parameters[name]) is not kind
    ]
    if wrong or not {"created", "keyid"} <= parameters.keys():
        raise SignatureError("The signature lacks parameters, or has wrong ones.", detail=" ".join(wrong))


def _component(item: Any) -> Component:
    name, parameters = item
    if not isinstance(name, str):
        raise SignatureError("The signature is not understood.")
    return Component(name, tuple(parameters.items()))


def _dictionary(text: str, name: str) -> dict[str, Any]:
    def refuse(key: str, context: str) -> NoReturn:
        raise SignatureError("{name} says the same thing twice.", name=name, detail=f"{context} {key}")

    try:
        parsed = http_sf.parse(text.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except ValueError as error:
        raise SignatureError("{name} is not understood.", name=name, detail=str(error)) from None
    assert isinstance(parsed, dict)
    return parsed
