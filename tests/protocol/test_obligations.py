"""What a peer demands, and whether we can honour it."""

import pytest

from opencloudmesh.protocol.discovery import Discovery
from opencloudmesh.protocol.errors import Forbidden
from opencloudmesh.protocol.obligations import Obligations, obligations, signature_family

KEY = {"keyId": "k", "publicKeyPem": "PEM"}
EVERYTHING = frozenset({"http-sig", "exchange-token", "invites", "enforce-mfa"})


def peer(*, enabled=True, **document):
    return Discovery.read({"enabled": enabled, "endPoint": "/ocm", **document}, "https://peer.example")


@pytest.mark.parametrize(
    ("document", "family"),
    [
        ({"capabilities": ["http-sig"]}, "rfc9421"),
        ({"capabilities": ["http-sig"], "publicKey": KEY}, "rfc9421"),
        ({"publicKey": KEY}, "cavage"),
        ({"publicKey": "PEM"}, "cavage"),
        ({"publicKey": None}, None),
        ({}, None),
    ],
)
def test_a_signature_is_of_the_kind_that_the_peer_can_check(document, family):
    assert signature_family(peer(**document)) == family
    assert obligations(peer(**document), can=EVERYTHING).signature == family


def test_a_peer_without_criteria_demands_nothing():
    assert obligations(peer(), can=frozenset()) == Obligations(None, frozenset())
    unknown = peer(criteria=["allowlist", "denylist", "must-use-http-sig", "something-new"])
    assert obligations(unknown, can=frozenset()).requirements == frozenset()


@pytest.mark.parametrize("criterion", ["must-exchange-token", "token-exchange", "code"])
def test_short_lived_tokens_are_promised_where_we_have_them(criterion):
    demanding = peer(criteria=[criterion])
    assert obligations(demanding, can=EVERYTHING).requirements == {"must-exchange-token"}
    with pytest.raises(Forbidden, match="short-lived tokens"):
        obligations(demanding, can=EVERYTHING - {"exchange-token"})


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("tokens", ["demanded", "possible", "always"])
def test_the_operator_may_wish_for_them_too(tokens, able):
    asked = peer(capabilities=["exchange-token"] if able else [])
    if tokens == "always" and not able:
        with pytest.raises(Forbidden, match="cannot exchange"):
            obligations(asked, can=EVERYTHING, tokens=tokens)
    else:
        demanded = {"must-exchange-token"} if able and tokens != "demanded" else frozenset()
        assert obligations(asked, can=EVERYTHING, tokens=tokens).requirements == demanded


@pytest.mark.parametrize("criterion", ["must-invite", "invite"])
def test_people_who_have_to_be_invited_are(criterion):
    demanding = peer(criteria=[criterion])
    assert obligations(demanding, can=EVERYTHING, invited=True).requirements == frozenset()
    with pytest.raises(Forbidden, match="invite"):
        obligations(demanding, can=EVERYTHING)


def test_without_invites_of_our_own_it_is_for_the_peer_to_refuse():
    # CERNBox always says must-invite and yet takes shares from servers that its operator lists.
    assert obligations(peer(criteria=["must-invite"]), can=frozenset()).requirements == frozenset()


@pytest.mark.parametrize("capability", ["enforce-mfa", "mfa-capable", "/mfa-capable"])
def test_a_second_factor_is_asked_of_those_who_can(capability):
    able = peer(capabilities=[capability])
    assert obligations(able, can=frozenset(), mfa=True).requirements == {"must-use-mfa"}
    assert obligations(able, can=frozenset()).requirements == frozenset()
    with pytest.raises(Forbidden, match="second factor"):
        obligations(peer(), can=EVERYTHING, mfa=True)


def test_requirements_add_up():
    able = peer(criteria=["must-exchange-token"], capabilities=["enforce-mfa"])
    assert obligations(able, can=EVERYTHING, mfa=True).requirements == {"must-exchange-token", "must-use-mfa"}


def test_a_server_that_is_switched_off_gets_no_share():
    with pytest.raises(Forbidden, match="at the moment"):
        obligations(peer(enabled=False), can=EVERYTHING)
