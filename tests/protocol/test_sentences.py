"""Sentences are text, and remember what they were made of."""

from __future__ import annotations

import copy

import pytest

from opencloudmesh.protocol.errors import NotFound, Refused
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.protocol.wire import encode_json

GERMAN = {
    "{host} did not answer: {reason}.": "Keine Antwort von {host}: {reason}.",
    "it took too long": "es dauerte zu lange",
    "There is no user {user!r}.": "Es gibt „{user}“ nicht.",
}


def german(text):
    return GERMAN.get(text, text)


def test_a_sentence_is_text_and_can_be_said_otherwise():
    said = Sentence("{host} did not answer: {reason}.", host="it took too long", reason=Sentence("it took too long"))
    assert said == "it took too long did not answer: it took too long."
    assert isinstance(said, str)
    # What others are called is never translated.
    assert said.spoken(german) == "Keine Antwort von it took too long: es dauerte zu lange."
    assert copy.deepcopy(said).spoken(german) == said.spoken(german)
    assert Sentence(said) is said
    assert encode_json({"message": said}) == f'{{"message":"{said}"}}'.encode()
    with pytest.raises(TypeError):
        encode_json({"message": object()})


@pytest.mark.parametrize("name", ["{host}", "{0.__class__}", "{", "%s %(x)s", "\0"])
def test_what_others_named_is_filled_in_as_it_is(name):
    for said in (Sentence("{host} did not answer: {reason}.", host=name, reason=name), Sentence(name)):
        assert name in said
        assert name in said.spoken(german)


def test_errors_keep_the_sentence_that_they_were_made_of():
    error = NotFound("There is no user {user!r}.", user="ma'rie", detail="{detail}", retry_after=7)
    assert str(error) == error.message == """There is no user "ma'rie"."""
    assert error.message.spoken(german) == "Es gibt „ma'rie“ nicht."
    assert (error.detail, error.retry_after) == ("{detail}", 7)
    again = Refused(error.message, peer_status=404)
    assert again.message.spoken(german) == error.message.spoken(german)


def test_sentences_one_after_the_other():
    both = Sentence.joined([Sentence("it took too long"), "{x}"])
    assert both == "it took too long {x}"
    assert both.spoken(german) == "es dauerte zu lange {x}"
