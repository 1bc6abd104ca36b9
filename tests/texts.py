"""All texts that people read, and what they are in other languages.

`python -m tests.texts` brings `locale/*.po` up to date: new texts come in untranslated, old ones go.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import opencloudmesh
from opencloudmesh.protocol import errors
from opencloudmesh.server import asked as requested
from opencloudmesh.server import (
    batches,
    config,
    database,
    factors,
    languages,
    limits,
    mail,
    news,
    operators,
    passkeys,
    received,
    reshares,
    share_requests,
)
from opencloudmesh.server import copies as jobs
from opencloudmesh.server import policy as words
from opencloudmesh.server import shares as sent
from opencloudmesh.server.web import auth, linked
from opencloudmesh.server.web.pages import (
    archive,
    asked,
    contacts,
    copies,
    files,
    inbox,
    links,
    openid,
    shares,
    visits,
    welcome,
)
from opencloudmesh.server.web.pages import passkeys as passkey_pages
from opencloudmesh.server.web.pages.operator import audit, groups, outbox, policy, settings, users

PACKAGE = Path(opencloudmesh.__file__).parent
# What only programs and the operator's terminal are told stays English.
ENGLISH_ONLY = ("server/migrations/**", "server/cli/**", "server/web/dav/**", "protocol/signatures/**")
METHODS = [
    *((folder, "ignore") for folder in ENGLISH_ONLY),
    ("server/**/templates/**.html", "jinja2"),
    ("server/**.py", "python"),
    ("client/**.py", "python"),
    ("protocol/**.py", "python"),
]
OPTIONS = {"server/**/templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "newstyle_gettext": "true"}}

# Of these the first argument is a sentence that a person reads.
_ERRORS = [name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)]
SENTENCES = (*_ERRORS, "Denied", "Gone", "Sentence")
KEYWORDS = {
    "_": None,
    "gettext": None,
    "plural": (1, 2),
    "ngettext": (1, 2),
    "check": (1,),
    **dict.fromkeys(SENTENCES, (1,)),
}


def texts() -> Catalog:
    """Everything, in English."""
    catalog = Catalog(project="opencloudmesh", charset="utf-8", fuzzy=False)
    for _file, _line, message, comments, _context in extract_from_dir(
        PACKAGE, METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        if any(map(str.strip, [message] if isinstance(message, str) else message)):
            catalog.add(message, auto_comments=comments)
    for sentence in _tables():
        catalog.add(sentence)
    return catalog


def translated(language: str) -> Catalog:
    """The catalogue of a language as it is."""
    path = languages.FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language, fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(language: str) -> None:
    """Brings it up to date."""
    catalog = translated(language)
    catalog.update(texts(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    written = BytesIO()
    write_po(written, catalog, width=110, no_location=True, omit_header=True, sort_output=True)
    (languages.FOLDER / f"{language}.po").write_bytes(written.getvalue())


def _tables() -> Iterator[str]:
    """Sentences that are in tables of the code, and are looked up when they are shown."""
    yield from (
        *languages.UNITS,
        *visits.FAULTS.values(),
        visits.WRONG,
        mail.INVITATION,
        mail.DIGEST,
        files.BUSY,
        files.TOO_MUCH,
    )
    for table in (
        visits.DONE, contacts.SOURCES, inbox.ENDED, inbox.MAY,
        links.VERDICTS, shares.STATES, shares.PROGRESS, shares.LABELS, shares.LINK_LABELS,
    ):  # fmt: skip
        yield from table.values()
    yield from (event.sentence for event in news.EVENTS.values())
    yield from (setting.help for setting in config.SETTINGS)
    yield from (*words.SIGNATURES, *settings.SOURCES, outbox.LATER)
    yield from (auth.WRONG, factors.WRONG, passkeys.UNKNOWN, operators.ONLY_FOR_OPERATORS, reshares.NOT_ON)
    yield from (
        limits.WAIT_A_MINUTE,
        limits.WAIT,
        linked.BUSY,
        linked.SLOWLY,
        archive.WAIT,
        openid.SLOWLY,
        passkey_pages.SLOWLY,
        database.CLOSED,
    )
    yield from ("Some fields are missing or wrong.", batches.NOBODY, batches.ALL_REFUSED)
    for module in (requested, jobs, received, share_requests, sent):
        for (state, event), after in module.TRANSITIONS.items():
            yield from (state, event, after)
    for table in (
        asked.STATES, asked.LABELS, copies.STATES, welcome.LABELS,
        audit.EVENTS, audit.OUTCOMES, audit.DIRECTIONS, groups.LABELS,
        outbox.STATES, outbox.KINDS, outbox.LOSS, settings.STATES,
        policy.QUESTIONS, policy.GROUNDS, policy.SIGNATURES, policy.TOKENS, policy.STANDINGS, policy.CHOICES,
        policy.LABELS,
        users.LABELS,
    ):  # fmt: skip
        yield from table.values()


if __name__ == "__main__":
    for name in languages.NAMES:
        if name != languages.ENGLISH:
            update(name)
