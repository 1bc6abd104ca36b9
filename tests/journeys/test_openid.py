"""Signing in by way of an OpenID provider: a real one, which runs here."""

from __future__ import annotations

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from tests.browsing import Browser, Page
from tests.mesh import PASSWORD, basic, serve
from tests.phones import Phone, ticket
from tests.university import OLD, User, provider

from opencloudmesh.client import openid as client
from opencloudmesh.client.openid import Provider
from opencloudmesh.protocol.errors import EgressDenied, Unauthenticated
from opencloudmesh.server import accounts, config, factors, operators
from opencloudmesh.server.app import Cloud
from opencloudmesh.server.openid import has_passed_mfa

pytestmark = OLD

PEOPLE = (
    User(sub="1", claims={"preferred_username": "einstein", "name": "Albert E.", "email": "albert@uni.example"}),
    User(sub="2", claims={"preferred_username": "einstein"}),
    User(sub="3", claims={"preferred_username": "lise", "name": "Lise Meitner", "amr": ["pwd", "mfa"]}),
    User(sub="4", claims={"preferred_username": "../etc"}),
    User(sub="5", claims={}),
    User(sub="6", claims={"preferred_username": "otto", "name": "Otto\n", "email": "otto@b.example\r\nBcc: c"}),
    User(sub="7", claims={"email": "niels@uni.example"}),
    User(sub="8", claims={"email": "niels@uni.example", "email_verified": False}),
    User(sub="9", claims={"email": "niels@uni.example", "email_verified": True}),
)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider(PEOPLE) as url:
        yield url


@pytest.fixture
async def cloud(tmp_path, new_database_url, issuer):
    settings = {"oidc_issuer": issuer, "oidc_client_id": "cloud", "oidc_client_secret": "s3cr3t", "oidc_create": True}
    settings |= {"oidc_trust_mfa": True, "oidc_label": "Sign in with the university"}
    async with serve(tmp_path / "cloud", database_url=new_database_url(), **settings) as server:
        server.add("einstein", name="Albert Einstein")
        yield server


async def confirmed(browser: Browser, subject: str, *, deny: bool = False, target: str = "") -> str:
    """To the provider, where the person says who they are, and the path by which the browser comes back."""
    answer = await browser.send("GET", f"/login/openid{target and '?next=' + target}")
    assert answer.status == 303
    form = {"sub": subject, **({"action": "deny"} if deny else {})}
    async with browser.server.session.post(
        answer.headers.get("location"), data=form, allow_redirects=False
    ) as confirmation:
        back = confirmation.headers["Location"]
    browser.server.session.cookie_jar.clear()
    assert back.startswith(browser.server.url)
    return back.removeprefix(browser.server.url)


async def sign_in(browser: Browser, subject: str, status: int = 200, **more) -> Page:
    return await browser.follow(await browser.send("GET", await confirmed(browser, subject, **more)), status)


async def test_who_has_an_account_gets_into_it_and_nobody_else_by_the_same_name(cloud):
    cloud.put("einstein", "a b/c.txt", b"")
    browser = Browser(cloud)
    assert "Sign in with the university" in (await browser.open("/login")).text
    page = await sign_in(browser, "1", target="/files/a%2520b")
    assert "c.txt" in page.text
    page = await sign_in(Browser(cloud), "2", 403)
    assert "belongs to somebody else" in page.text
    again = Browser(cloud)
    await sign_in(again, "1")
    assert "einstein" in (await again.open("/files/")).text
    assert len(cloud.stored()["sessions"]) == 2
    assert [row[:3] for row in cloud.stored()["identities"]] == [(cloud.context.config.oidc_issuer, "1", "einstein")]
    assert cloud.stored()["tickets"] == []
    assert not [line for line in cloud.log if "s3cr3t" in line]
    await Browser(cloud).sign_in("einstein")  # the password still is one


async def test_nobody_becomes_an_operator_by_a_name(cloud):
    cloud.context.database.write_now(lambda tx: operators.change(tx, "einstein", operator=True))
    before = cloud.stored()
    page = await sign_in(Browser(cloud), "1", 403)
    assert "Operators of this cloud sign in with" in page.text
    assert {**cloud.stored(), "tickets": []} == {**before, "tickets": []}


async def test_who_has_none_gets_one_without_a_password(cloud):
    browser = Browser(cloud)
    await sign_in(browser, "3")
    account = cloud.rows(accounts.get, "lise")
    assert (account.name, cloud.rows(accounts.has_password, "lise")) == ("Lise Meitner", False)
    assert cloud.file("lise", "").is_dir()
    for password in ("", PASSWORD, "!"):
        await Browser(cloud).sign_in("lise", password, status=401)
        answer = await cloud.request("GET", "/api/v1/me", {"Authorization": basic("lise", password)})
        assert answer.status == 401
    page = await browser.submit("/settings/security/passwords", name="laptop")
    secret = page.html.partition('labelledby="secret">')[2].partition("<")[0]
    answer = await cloud.request("GET", "/api/v1/me", {"Authorization": basic("lise", secret)})
    assert json.loads(answer.body)["secondFactor"] is True  # as the provider said, and the operator trusts it
    for subject in ("4", "5"):
        await sign_in(Browser(cloud), subject, 400 if subject == "4" else 403)
    assert {row.id for row in cloud.rows(accounts.everybody)} == {"einstein", "lise"}


async def test_what_the_provider_says_that_cannot_be_written_is_left_out(cloud):
    await sign_in(Browser(cloud), "6")
    account = cloud.rows(accounts.get, "otto")
    assert (account.name, account.email) == ("otto", "")


async def test_an_address_that_is_not_verified_opens_nobodys_account(tmp_path, new_sqlite_url, issuer):
    settings = {"oidc_issuer": issuer, "oidc_client_id": "cloud", "oidc_client_secret": "s3cr3t", "oidc_claim": "email"}
    async with serve(tmp_path / "cloud", database_url=new_sqlite_url(), **settings) as server:
        server.add("niels@uni.example")
        for subject in ("7", "8"):
            await sign_in(Browser(server), subject, 403)
        assert (server.stored()["identities"], server.stored()["sessions"]) == ([], [])
        await sign_in(Browser(server), "9")
        assert [row[1:3] for row in server.stored()["identities"]] == [("9", "niels@uni.example")]


async def test_a_second_factor_that_is_set_up_here_is_asked_for_here(cloud):
    browser = Browser(cloud)
    await sign_in(browser, "1")
    secret = cloud.context.database.write_now(lambda tx: factors.begin(tx, "einstein"))
    phone = Phone(cloud, secret)
    code = phone.code()
    cloud.context.database.write_now(lambda tx: factors.confirm(tx, "einstein", code))
    page = await sign_in(Browser(cloud), "1")
    assert "One more step" in page.text
    assert len(cloud.stored()["sessions"]) == 1
    await Browser(cloud).submit("/login/second", ticket=ticket(page.html), code=phone.code())
    assert len(cloud.stored()["sessions"]) == 2


async def test_the_way_back_counts_once_and_in_the_browser_that_began(cloud):
    browser, thief = Browser(cloud), Browser(cloud)
    path = await confirmed(browser, "1")
    query = parse_qs(urlsplit(path).query)
    assert set(query) == {"code", "state"}
    for other in (path, "/login/openid/answer", "/login/openid/answer?code=x", "/login/openid/answer?code=x&state=y"):
        assert (await thief.send("GET", other)).status == 401
        assert not thief.cookies
    wrong = f"/login/openid/answer?code=wrong&state={query['state'][0]}"
    assert (await browser.send("GET", wrong)).status == 401
    assert (await browser.send("GET", path)).status == 401  # it was used up
    page = await sign_in(Browser(cloud), "1", 401, deny=True)
    assert "did not let you in" in page.text
    cloud.context.clock.ahead = 0
    late = await confirmed(browser, "1")
    cloud.context.clock.ahead = 601
    assert (await browser.send("GET", late)).status == 401
    assert cloud.stored()["sessions"] == []
    assert cloud.stored()["identities"] == []


async def test_what_is_asked_of_the_provider(cloud, issuer):
    browser = Browser(cloud)
    answer = await browser.send("GET", "/login/openid?next=//evil.example")
    url = urlsplit(answer.headers.get("location"))
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert f"{url.scheme}://{url.netloc}" == issuer
    assert asked["redirect_uri"] == f"{cloud.url}/login/openid/answer"
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", "cloud", "openid profile email")
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert len({asked["state"], asked["nonce"], asked["code_challenge"]}) == 3
    (cookie,) = browser.set_cookies
    assert {part.strip().lower() for part in cookie.split(";")[1:]} == {
        "httponly", "samesite=lax", "path=/login/openid", "max-age=600",
    }  # fmt: skip
    assert asked["state"] not in cookie
    assert cloud.stored()["tickets"][0][3]["next"] == "/files/"


async def test_without_a_provider_there_is_no_such_way(tmp_path, new_sqlite_url):
    async with serve(tmp_path / "cloud", database_url=new_sqlite_url()) as server:
        browser = Browser(server)
        assert "openid" not in (await browser.open("/login")).html
        for path in ("/login/openid", "/login/openid/answer?code=x&state=y"):
            assert (await browser.send("GET", path)).status == 404


async def test_a_provider_that_is_away_or_on_a_private_address_is_told_on_the_page(tmp_path, new_sqlite_url, issuer):
    settings = {"oidc_issuer": "http://localhost:9", "oidc_client_id": "cloud"}
    async with serve(tmp_path / "cloud", database_url=new_sqlite_url(), **settings) as server:
        page = await Browser(server).open("/login/openid", 502)
        assert "Sign in" in page.text
        assert server.stored()["tickets"] == []
    options = {"data": tmp_path / "real", "public_url": "https://cloud.example", "worker": False}
    options |= {"oidc_issuer": issuer, "oidc_client_id": "cloud"}
    real = Cloud.build(config.load(options, environment={}))
    try:
        with pytest.raises(EgressDenied):
            await client.discover(real.context.network, issuer)
    finally:
        await real.context.close()


KEY, OTHER = RSAKey.generate_key(2048, {"kid": "k"}), RSAKey.generate_key(2048, {"kid": "k"})
JWKS = KeySet([KEY]).as_dict(private=False)
PROVIDER = Provider("https://login.example", "https://login.example/a", "https://login.example/t", "", False)
NOW = int(time.time())
CLAIMS = {"iss": "https://login.example", "aud": "cloud", "sub": "1", "exp": NOW + 60, "iat": NOW, "nonce": "n"}


def token(key=KEY, header=None, **claims):
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode({"alg": "RS256", "kid": "k", **(header or {})}, said, key, algorithms=["RS256", "HS256", "none"])


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).decode().rstrip("=")


def verified(text, jwks=JWKS):
    return client.verify(text, jwks, PROVIDER, client_id="cloud", nonce="n", now=NOW)


def test_an_id_token_is_taken():
    assert verified(token())["sub"] == "1"
    assert verified(token(aud=["cloud", "other"], azp="cloud"))["sub"] == "1"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "other"}, {"aud": None}, {"aud": ["other"]},
        {"aud": ["cloud", "other"], "azp": "other"}, {"exp": NOW - 61}, {"exp": None}, {"iat": NOW + 120},
        {"nonce": "other"}, {"nonce": None}, {"sub": None}, {"sub": 7}, {"sub": ""},
        {"sub": "a\0"},
    ],
)  # fmt: skip
def test_an_id_token_that_is_not_for_us_now_is_refused(claims):
    with pytest.raises(Unauthenticated):
        verified(token(**claims))


def test_an_id_token_that_the_provider_has_not_signed_is_refused():
    header, payload, signature = token().split(".")
    unsigned = token(header={"alg": "none"}, key=OctKey.import_key("x" * 32))
    shared = f"{encoded({'alg': 'HS256', 'kid': 'k'})}.{payload}"  # with the public key as the secret
    shared += "." + encoded(hmac.digest(KEY.as_pem(private=False), shared.encode(), "sha256"))
    for text in (token(OTHER), f"{header}.{payload}.", f"{header}.{payload}.{signature[:-4]}AAAA", unsigned, shared, "",
                 "a.b.c", "\0", "x" * 10_000):  # fmt: skip
        with pytest.raises(Unauthenticated):
            verified(text)
    for jwks in ({}, {"keys": []}, {"keys": [{"kty": "oct", "k": "eA"}]}, {"keys": "x"}, {"keys": [7]}):
        with pytest.raises(Unauthenticated):
            verified(token(), jwks)


@pytest.mark.parametrize(
    ("claims", "passed"),
    [
        ({"amr": ["pwd", "mfa"]}, True), ({"amr": ["pwd"]}, False), ({"amr": "mfa"}, False), ({}, False),
        ({"acr": "https://refeds.org/profile/mfa"}, True), ({"acr": "nomfa"}, False), ({"acr": 7, "amr": [7]}, False),
    ],
)  # fmt: skip
def test_what_counts_as_a_second_factor(claims, passed):
    assert has_passed_mfa(claims) is passed
