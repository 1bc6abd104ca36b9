"""The browser says in which language a person is spoken to, and every text is there in every language."""

from __future__ import annotations

import ast
import re
from contextlib import closing
from importlib import import_module
from types import SimpleNamespace

import pytest
from tests.server.offices import Office
from tests.texts import ENGLISH_ONLY, PACKAGE, SENTENCES, texts, translated

from opencloudmesh.protocol.errors import NotFound
from opencloudmesh.protocol.sentences import Sentence
from opencloudmesh.server import config, digests, languages, news
from opencloudmesh.server.languages import _, plural, size, speaking, when
from opencloudmesh.server.schema import batches
from opencloudmesh.server.web.pages.visits import Look

OURS = config.load({"data": ".", "public_url": "https://ours.example"}, environment={})
OTHERS = sorted(set(languages.NAMES) - {languages.ENGLISH})
PLACE = re.compile(r"%\((\w+)\)s|\{(\w*)(?:!r)?\}")
TAG = re.compile(r"<[^>]*>")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.mark.parametrize(
    ("wanted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9", "de"),
        ("fr;q=0.4, de;q=0.5, en;q=0.1", "de"),
        ("ja, fr-CA;q=0.3", "fr"),
        ("ja", "en"),
        ("en-GB, de", "en"),
        ("de;q=0, fr", "fr"),
        ("de;q=much, , ;", "en"),
        ("*", "en"),
        ("x" * 10_000, "en"),
        ("\0,-,_,de_", "en"),
        ("DE", "de"),
        ("En-GB", "en"),
        ("Fr-ca, de", "fr"),
    ],
)
def test_the_browser_says_which_language_is_spoken(wanted, language):
    with speaking(wanted):
        assert languages.language() == language
    assert languages.language() == "en"


@pytest.mark.parametrize("wanted", languages.NAMES)
@pytest.mark.parametrize(
    ("name", "shown"),
    [("<b>bold</b>", b"&lt;b&gt;bold&lt;/b&gt;"), ("100% sure, %d %(name)s", b"100% sure, %d %(name)s")],
)
def test_what_others_named_is_no_markup_and_has_no_blanks(name, shown, wanted):
    look, error = Look(OURS, ""), NotFound(f"There is no {name}.")
    with speaking(wanted):
        page = look.page("login.html", {"next": "/", "user": name, "error": error})
        drop = look.page("drop.html", {"owner": name, "host": "h.example", "home": "/", "link": {"description": name}})
    assert b"There is no " + shown + b"." in page.body
    assert shown in drop.body
    assert b"<b>" not in page.body + drop.body


def test_numbers_and_moments_are_written_as_in_the_language():
    assert [size(0), size(1), size(999), size(1500), size(10**16)] == [
        "0 bytes",
        "1 byte",
        "999 bytes",
        "1.5 kB",
        "10.0 PB",
    ]
    assert when(1_757_068_205) == "5 Sep 2025, 10:30 UTC"
    with speaking("de"):
        assert size(1500) == "1,5 kB"


@pytest.mark.parametrize("person", ["<b>marie</b>@cloud.example", "100%d@cloud.example"])
def test_news_are_told_in_the_language_that_is_spoken(person):
    row = SimpleNamespace(event=news.ACCEPTED, who=person, who_name="", name="{name} %s")
    french = "“{name}” a été accepté par {who}.".format
    assert news.sentence(row) == f"{person} accepted “{{name}} %s”."
    assert news.sentence(row, lambda _text: french(name="{name}", who="{who}")) == french(name=row.name, who=person)
    assert list(news.pieces(row, lambda _text: "“{name}” : {who}")) == [("“", "name"), ("” : ", "who")]


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_with_the_same_places_and_tags_in_it(language):
    there = {message.id: message for message in translated(language) if message.id}
    assert there.keys() == {message.id for message in texts() if message.id}, "run python -m tests.texts"
    for text, message in there.items():
        assert not message.fuzzy
        forms = (text, message.string) if isinstance(text, tuple) else ((text,), (message.string,))
        for meant, said in zip(*forms, strict=True):
            assert said, f"not translated into {language}: {text}"
            assert sorted(PLACE.findall(said)) == sorted(PLACE.findall(meant)), said
            assert sorted(TAG.findall(said)) == sorted(TAG.findall(meant)), said


def test_the_sentence_of_every_error_is_among_the_texts():
    known = {message.id for message in texts()}
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if any(path.is_relative_to(PACKAGE / folder.rstrip("/*")) for folder in ENGLISH_ONLY):
            continue
        tree = ast.parse(path.read_text())
        written = {name for name, value in _assigned(tree) if isinstance(value, (ast.Constant, ast.JoinedStr))}
        module = import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
        for line, said in _sentences(tree):
            if isinstance(said, ast.Constant):
                found = said.value in known
            elif isinstance(said, ast.Name):
                value = getattr(module, said.id, None)
                found = value in known or (value is None and said.id not in written)
            else:  # made of parts: give it a sentence with {places}, and what is put there by name
                found = not isinstance(said, (ast.JoinedStr, ast.BinOp))
            wrong += [] if found else [f"{path.name}:{line} {ast.unparse(said)}"]
    assert wrong == []


def _sentences(tree):
    """What errors, and sentences, are made of: the line and the expression. It may be one or the other."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SENTENCES and node.args:
            said = node.args[0]
            for each in (said.body, said.orelse) if isinstance(said, ast.IfExp) else (said,):
                yield node.lineno, each


# Told to programs, to operators at their terminal, or in the documents.
NOT_FOR_PEOPLE = ("server/web/openapi/**", "server/web/ocm.py", "server/web/errors.py", "protocol/tokens.py",
                  "server/tokens.py", "server/policy.py", "server/states.py")  # fmt: skip
READS_LIKE_ONE = re.compile(r"[A-Z{“].* .*[.?]", re.DOTALL)


def test_whatever_reads_like_a_sentence_is_among_the_texts():
    known = {message.id for message in texts()}
    left_out = {path for pattern in (*ENGLISH_ONLY, *NOT_FOR_PEOPLE) for path in PACKAGE.glob(pattern)}
    missing = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if any(folder in left_out for folder in (path, *path.parents)):
            continue
        tree = ast.parse(path.read_text())
        documents = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, DOCUMENTED)}
        texts_of = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} - documents - known
        missing += [text for text in texts_of if isinstance(text, str) and READS_LIKE_ONE.fullmatch(text)]
    assert missing == []


def _assigned(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))


def test_what_went_wrong_is_said_in_the_language_of_whoever_reads_it(database_url):
    reason = Sentence("it took too long")
    said = Sentence("{peer} did not answer: {reason}.", peer="{x}.example", reason=reason)
    row = {"id": "b", "owner": "einstein", "circle": "c", "name": "n", "terms": {}, "created": 1}
    office = Office(database_url)
    with closing(office.database):
        office.do(digests.sent, "einstein", "mail", 0, said)
        office.do(digests.sent, "lise", "mail", 0, '\x02["{0.__class__}", {"x": 1}]')
        office.do(lambda tx: tx.run(batches.insert().values(**row, refused=[{"shareWith": "x", "message": said}])))
        stored = office.see(digests.choice, "einstein").mail_error
        (batch,) = office.all(batches)
        assert office.see(digests.choice, "lise").mail_error == '["{0.__class__}", {"x": 1}]'
    for kept in (stored, batch.refused[0]["message"]):
        assert kept == said == "{x}.example did not answer: it took too long."
        with speaking("de"):
            assert _(kept) == "{x}.example hat nicht geantwortet: es hat zu lange gedauert."


def test_a_number_of_things_is_said_in_the_grammar_of_the_language():
    def servers(number):
        return plural("%(count)s server", "%(count)s servers", number) % {"count": number}

    assert [servers(0), servers(1)] == ["0 servers", "1 server"]
    with speaking("fr"):
        assert [servers(0), servers(1), servers(2)] == ["0 serveur", "1 serveur", "2 serveurs"]
    with speaking("de"):
        assert [servers(1), servers(2)] == ["1 Server", "2 Server"]
