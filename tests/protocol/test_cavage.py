"""draft-cavage-http-signatures as Nextcloud speaks it: written to the letter, read with every check."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from opencloudmesh.protocol import signatures
from opencloudmesh.protocol.errors import SignatureError, UnknownKey
from opencloudmesh.protocol.keys import SigningKey, from_pem
from opencloudmesh.protocol.signatures import cavage
from opencloudmesh.protocol.wire import Headers, Request

NOW = 1_795_475_330  # Mon, 23 Nov 2026 23:08:50 GMT
KID = "https://sender.example/ocm#signature"
KEY = SigningKey(KID, "rsa-sha512", rsa.generate_private_key(65537, 2048))
PUBLIC = from_pem(KID, KEY.public_pem())
STRANGER = SigningKey(KID, "rsa-sha512", rsa.generate_private_key(65537, 2048))
SHARE = Request(
    "POST",
    "https://receiver.example/index.php/ocm/shares",
    Headers({"Content-Type": "application/json"}),
    b'{"shareWith": "marie@receiver.example"}',
)


def sign(request=SHARE, key=KEY, now=NOW):
    return signatures.sign(request, key, now, "cavage")


def check(request, keys=(PUBLIC,), now=NOW):
    claim = signatures.read(request)
    assert claim is not None, "the request counts as unsigned"
    signatures.verify(request, claim, keys, now)


def refused(request, keys=(PUBLIC,), now=NOW):
    with pytest.raises(SignatureError) as caught:
        check(request, keys, now)
    return caught.value


def with_header(request, name, value):
    return replace(request, headers=request.headers | {name: value})


def without_header(request, name):
    return replace(request, headers=Headers([item for item in request.headers if item[0] != name]))


def resigned(fields=cavage.SIGNED, *, request=None, key=KEY, algorithm="rsa-sha512", signs=None, **parameters):
    """Signs properly, but covering `fields` and saying `parameters` (None drops one), as another peer would."""
    request = request or sign()
    known = [field for field in fields if field in cavage.SIGNED or field in request.headers]
    base = cavage._base(request, tuple(known), "/index.php/ocm/shares")
    value = base64.b64encode(key.sign(base, signs or algorithm)).decode()
    given = {"keyId": KID, "algorithm": algorithm, "headers": " ".join(fields), "signature": value} | parameters
    text = ",".join(f'{name}="{value}"' for name, value in given.items() if value is not None)
    return with_header(request, "Signature", text)


def test_we_write_exactly_what_nextcloud_writes():
    request = sign()
    assert re.fullmatch(
        r'keyId="https://sender\.example/ocm#signature",algorithm="rsa-sha512",'
        r'headers="\(request-target\) content-length date digest host",signature="[A-Za-z0-9+/]{342}=="',
        request.headers.get("signature"),
    )
    assert request.headers.get("digest") == (
        "SHA-512=" + base64.b64encode(hashlib.sha512(SHARE.body).digest()).decode()
    )
    assert request.headers.get("date") == "Mon, 23 Nov 2026 23:08:50 GMT"
    assert request.headers.get("host") == "receiver.example"
    assert request.headers.get("content-length") == str(len(SHARE.body))
    assert request.headers.get("content-type") == "application/json"


def test_the_signed_text_is_nextcloud_s_line_by_line():
    signed = sign(replace(SHARE, url=SHARE.url + "?format=json"))
    digest = signed.headers.get("digest")
    text = (
        "(request-target): post /index.php/ocm/shares\ncontent-length: 39\n"
        f"date: Mon, 23 Nov 2026 23:08:50 GMT\ndigest: {digest}\nhost: receiver.example"
    )
    value = base64.b64decode(re.search(r',signature="(.*)"', signed.headers.get("signature"))[1])
    PUBLIC.verify("rsa-sha512", value, text.encode())


def test_what_we_sign_verifies_and_says_who_signed():
    request = sign()
    claim = signatures.read(request)
    assert (claim.family, claim.key_id, claim.host, claim.created) == ("cavage", KID, "sender.example", NOW)
    signatures.verify(request, claim, [PUBLIC], NOW)
    signatures.verify(request, claim, [KEY.public], NOW)
    assert signatures.read(sign(now=NOW + 1)).digest != claim.digest == signatures.read(sign()).digest


def test_the_default_port_is_not_part_of_the_host():
    assert sign(replace(SHARE, url="https://receiver.example:443/ocm/shares")).headers.get("host") == "receiver.example"
    check(sign(replace(SHARE, url="https://receiver.example:443/ocm/shares")))
    assert sign(replace(SHARE, url="http://[::1]:8001/ocm")).headers.get("host") == "[::1]:8001"


def test_a_key_that_is_not_rsa_does_not_sign_these():
    with pytest.raises(SignatureError):
        sign(key=SigningKey(KID, "ed25519", ed25519.Ed25519PrivateKey.generate()))


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ("rsa-sha256", "rsa-sha256"),
        ("RSA-SHA512", "rsa-sha512"),
        ("hs2019", "rsa-sha512"),
        ("hs2019", "rsa-sha256"),
        (None, "rsa-sha256"),
    ],
)
def test_the_algorithms_of_peers_verify(said, used):
    check(resigned(algorithm=said, signs=used))


@pytest.mark.parametrize(
    ("said", "used"),
    [
        ("rsa-sha256", "rsa-sha512"),
        ("rsa-sha512", "rsa-sha256"),
        ("hs2019", "rsa-pss-sha512"),
        ("rsa-sha1", "rsa-sha256"),
        ("hmac-sha256", "rsa-sha256"),
        ("none", "rsa-sha256"),
        ("", "rsa-sha256"),
    ],
)
def test_another_algorithm_than_the_one_said_is_refused(said, used):
    refused(resigned(algorithm=said, signs=used))


def test_any_order_and_more_headers_are_fine():
    check(resigned(["content-type", *reversed(cavage.SIGNED)]))
    check(resigned(headers=" ".join(cavage.SIGNED).replace("date", "Date")))


def test_white_space_between_parameters_is_fine():
    text = sign().headers.get("signature").replace('",', '" ,  ')
    check(with_header(sign(), "Signature", text))
    check(with_header(sign(), "Signature", text + ",created=1402170695,expires=1402170699"))


@pytest.mark.parametrize("missing", cavage.SIGNED)
def test_a_header_that_we_demand_may_not_be_missing(missing):
    refused(resigned([name for name in cavage.SIGNED if name != missing]))


def test_without_a_list_only_the_date_is_covered_which_is_not_enough():
    refused(resigned(["date"], headers=None))


@pytest.mark.parametrize("extra", ["(created)", "(expires)", "(request-target)", "date", "x-absent"])
def test_a_list_with_pseudo_headers_repetitions_or_absent_ones_is_refused(extra):
    refused(resigned([*cavage.SIGNED, extra]))


def test_another_key_is_refused():
    refused(sign(key=STRANGER))
    assert isinstance(refused(sign(), []), UnknownKey)
    assert isinstance(
        refused(sign(), [replace(PUBLIC, kid="https://sender.example/index.php/ocm#signature")]), UnknownKey
    )


def test_another_body_is_refused():
    refused(replace(sign(), body=SHARE.body.swapcase()))
    refused(replace(sign(), body=b""))
    other = sign(replace(SHARE, body=SHARE.body.swapcase()))
    refused(with_header(replace(sign(), body=other.body), "Digest", other.headers.get("digest")))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"url": "https://receiver.example/index.php/ocm/notifications"},
        {"url": "https://receiver.example/index.php/ocm/shares?a=b"},
        {"url": "https://other.example/index.php/ocm/shares"},
        {"url": "https://receiver.example:8443/index.php/ocm/shares"},
        {"url": "https://[/"},
    ],
    ids=str,
)
def test_another_method_address_or_server_is_refused(change):
    refused(replace(sign(), **change))


def test_a_request_for_another_server_is_refused_whatever_its_host_header_says():
    elsewhere = sign(replace(SHARE, url="https://other.example/index.php/ocm/shares"))
    refused(replace(elsewhere, url=SHARE.url))
    refused(with_header(replace(elsewhere, url=SHARE.url), "Host", "receiver.example"))


@pytest.mark.parametrize("name", ["host", "date", "digest", "content-length"])
def test_a_signed_header_may_not_be_missing_doubled_or_changed(name):
    request = sign()
    value = request.headers.get(name)
    refused(without_header(request, name))
    refused(replace(request, headers=Headers([*request.headers, (name, value)])))
    position = len(value) // 2
    refused(with_header(request, name, value[:position] + chr(ord(value[position]) ^ 1) + value[position + 1 :]))


@pytest.mark.parametrize("age", [-signatures.MAX_SKEW, 0, signatures.MAX_AGE])
def test_within_the_window_a_signature_holds(age):
    check(sign(now=NOW - age))


@pytest.mark.parametrize("age", [-signatures.MAX_SKEW - 1, -86_400, signatures.MAX_AGE + 1, 86_400, NOW])
def test_outside_the_window_it_does_not(age):
    refused(sign(now=NOW - age))


def digests(**by_name):
    return ",".join(f"{name.replace('_', '-')}={base64.b64encode(value).decode()}" for name, value in by_name.items())


SHA256, SHA512 = hashlib.sha256(SHARE.body).digest(), hashlib.sha512(SHARE.body).digest()


@pytest.mark.parametrize(
    "text",
    [
        digests(SHA_256=SHA256),
        digests(sha_256=SHA256),
        digests(SHA_256=SHA256, SHA_512=SHA512).replace(",", ", "),
        digests(MD5=b"", SHA_512=SHA512),
    ],
)
def test_digests_that_match_are_fine(text):
    check(resigned(request=with_header(sign(), "Digest", text)))


@pytest.mark.parametrize(
    "text",
    [
        digests(SHA_256=SHA512),
        digests(SHA_256=SHA256, SHA_512=SHA256),
        digests(SHA_256=SHA256) + "," + digests(SHA_256=SHA256),
        digests(MD5=hashlib.md5(SHARE.body).digest()),
        "SHA-256",
        "SHA-256=",
        "SHA-256=é",
        "SHA-256=*",
        "",
    ],
)
def test_digests_that_do_not_match_are_refused_beside_any_other(text):
    request = with_header(sign(), "Digest", text)
    refused(resigned(request=request) if text.isascii() else request)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "keyId",
        'keyId="',
        "ocm=:AAAA:",
        f'keyId="{KID}"',
        f'keyId="{KID}",signature="*"',
        f'keyId="{KID}",keyId="{KID}",signature="AAAA"',
        f'keyId="{KID}",signature="AAAA",',
        f'keyId="{KID}" signature="AAAA"',
        'keyId="key1",signature="AAAA"',
        'signature="AAAA"',
    ],
)
def test_a_signature_that_is_not_understood_is_refused(text):
    refused(with_header(sign(), "Signature", text))


def test_two_signatures_are_refused():
    request = sign()
    refused(replace(request, headers=Headers([*request.headers, ("Signature", request.headers.get("signature"))])))


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 23 Nov 2026 23:08:50 +0000",
        "Monday, 23-Nov-26 23:08:50 GMT",
        "Mon Nov 23 23:08:50 2026",
        "Mon, 31 Feb 2026 23:08:50 GMT",
        "Mon, 23 Nov 2026 24:08:50 GMT",
        "Mon, 23 Nov 0000 23:08:50 GMT",
        "Mon, ２3 Nov 2026 23:08:50 GMT",
        str(NOW),
        "",
    ],
)
def test_a_date_of_another_form_is_refused(date):
    refused(with_header(sign(), "Date", date))


@given(st.integers(0, 253_402_300_799))
def test_every_date_survives_its_text(moment):
    assert signatures.message.parse_date(signatures.message.format_date(moment)) == moment


PIECES = st.sampled_from(
    [*'=,"() \té\\', f'keyId="{KID}"', "keyId=", 'algorithm="hs2019"', "headers=", 'signature="AAAA"', *cavage.SIGNED]
)
TEXT = st.text() | st.lists(PIECES).map("".join)


@given(TEXT, TEXT, st.text() | st.just("Mon, 23 Nov 2026 23:08:50 GMT"), TEXT, TEXT)
def test_any_headers_are_a_claim_or_refused(value, digest, date, length, host):
    headers = {"Signature": value, "Digest": digest, "Date": date, "Content-Length": length, "Host": host}
    try:
        claim = signatures.read(replace(SHARE, headers=Headers(headers)))
        assert claim is not None
        signatures.verify(
            replace(SHARE, headers=Headers(headers)), claim, [replace(PUBLIC, kid=claim.key_id)], claim.created
        )
    except SignatureError:
        return
    raise AssertionError("a random signature verifies")
