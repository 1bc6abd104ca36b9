"""The code flow: requests for tokens, and the answers."""

import json

import pytest

from opencloudmesh.protocol.errors import BadAnswer, Invalid
from opencloudmesh.protocol.tokens import ERRORS, TokenError, TokenRequest, TokenResponse, is_invalid_grant

FORM = {"grant_type": "authorization_code", "client_id": "receiver.example", "code": "c0de"}
ANSWER = {"access_token": "t0ken", "token_type": "Bearer", "expires_in": 300}


def parse(values):
    return TokenResponse.parse(json.dumps(values).encode())


def test_a_request_survives_the_form():
    request = TokenRequest.read(FORM)
    assert request == TokenRequest("c0de", "receiver.example")
    assert request.form() == FORM
    assert "c0de" not in repr(request)


@pytest.mark.parametrize("grant", ["authorization_code", "ocm_share", "ocm_authorization_code"])
def test_the_grant_has_the_names_of_all_families(grant):
    assert TokenRequest.read(FORM | {"grant_type": grant, "scope": "x", "redirect_uri": ""}) == TokenRequest.read(FORM)


@pytest.mark.parametrize("client_id", [None, ""])
def test_the_client_may_be_missing(client_id):
    assert TokenRequest.read(FORM | {"client_id": client_id}).client_id == ""


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": ["authorization_code"]}, "invalid_request"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"grant_type": "AUTHORIZATION_CODE"}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": ""}, "invalid_request"),
        ({"code": 1}, "invalid_request"),
        ({"code": "c0\0de"}, "invalid_request"),  # PostgreSQL would not look for it
        ({"code": "c0\nde"}, "invalid_request"),
        ({"code": "a" * 1025}, "invalid_request"),
        ({"client_id": 1}, "invalid_request"),
        ({"client_id": ["receiver.example"]}, "invalid_request"),
        ({"client_id": "receiver\0.example"}, "invalid_request"),
        ({"client_id": "a" * 1025}, "invalid_request"),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused_with_a_word_of_oauth(change, error):
    with pytest.raises(TokenError) as caught:
        TokenRequest.read(FORM | change)
    assert caught.value.error == error
    assert error in ERRORS
    assert isinstance(caught.value, Invalid)


def test_an_empty_request_is_refused():
    with pytest.raises(TokenError, match="grant_type"):
        TokenRequest.read({})


def test_an_answer_survives_the_wire():
    answer = TokenResponse("t0ken", 300)
    assert answer.encode() == ANSWER
    assert parse(answer.encode()) == answer
    assert "t0ken" not in repr(answer)


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        ({"token_type": "bearer"}, 300),
        ({"expires_in": None}, 300),
        ({"expires_in": 3600.0, "refresh_token": "x"}, 3600),
        ({"expires_in": 0}, 0),
    ],
    ids=str,
)
def test_an_answer_in_another_spelling_is_read(change, seconds):
    assert parse(ANSWER | change) == TokenResponse("t0ken", seconds)


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 1},
        {"access_token": "t0\r\nken"},  # it travels in a header
        {"access_token": "tökén"},
        {"access_token": "a" * 16_385},
        {"token_type": None},
        {"token_type": "mac"},
        {"token_type": []},
        {"expires_in": -1},
        {"expires_in": "300"},
        {"expires_in": True},
        {"expires_in": 1e30},
    ],
    ids=lambda change: str(change)[:40],
)
def test_an_answer_that_is_not_understood_is_a_bad_answer(change):
    with pytest.raises(BadAnswer):
        parse(ANSWER | change)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"access_token=t0ken", b'{"error": "invalid_grant"}'])
def test_what_is_no_answer_is_a_bad_answer(body):
    with pytest.raises(BadAnswer):
        TokenResponse.parse(body)


@pytest.mark.parametrize(
    ("body", "gone"),
    [(b'{"error": "invalid_grant"}', True), (b'{"error": "invalid_client"}', False), (b"[]", False), (b"", False)],
)
def test_a_code_that_opens_nothing_is_told_from_other_refusals(body, gone):
    assert is_invalid_grant(body) is gone
