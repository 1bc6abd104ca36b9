"""Pages in the other languages: that they fit onto a phone, and that nothing on them is left in English."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from tests.browser.person import PHONE, Person
from tests.texts import translated

from opencloudmesh.server.languages import ENGLISH, NAMES

# All that is read on a page, or read out: pieces of text, labels and titles, but nothing that is code.
TEXTS = """() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [...document.title.split(' · ')];
    while (walker.nextNode()) {
        const node = walker.currentNode;
        if (!node.parentElement.closest('code, pre, textarea, script')) found.push(node.textContent);
    }
    for (const name of ['aria-label', 'title', 'placeholder', 'alt', 'data-copies', 'data-copy', 'data-copied']) {
        for (const element of document.querySelectorAll(`[${name}]`)) {
            found.push(element.getAttribute(name), element.getAttribute(name).split(': ')[0]);
        }
    }
    return found;
}"""
WIDER = "document.documentElement.scrollWidth > innerWidth"
PLACE = re.compile(r"%\\\(\w+\\\)s|\\{\w*(?:!r)?\\}")  # as `re.escape` writes them
WORDS = 12  # letters that a sentence must have besides its places, to be known again


async def in_other_languages(person: Person, paths: Iterable[str]) -> list[str]:
    """What is wrong with pages when the browser asks for another language."""
    wrong = []
    await person.page.set_viewport_size(PHONE)
    for language in NAMES:
        if language == ENGLISH:
            continue
        await person.page.set_extra_http_headers({"Accept-Language": language})
        for path in paths:
            await person.open(path)
            where = f"{path} in {language}"
            if await person.page.locator("html").get_attribute("lang") != language:
                wrong.append(f"{where}: says that it is in another language")
            if await person.page.evaluate(WIDER):
                wrong.append(f"{where}: wider than a phone")
            texts = {" ".join(text.split()) for text in await person.page.evaluate(TEXTS)}
            wrong += [f"{where}: {text}" for text in sorted(texts) if text and is_english(text, language)]
    await person.page.set_extra_http_headers({})
    await person.page.set_viewport_size(person.size)
    return wrong


def is_english(text: str, language: str) -> bool:
    """Whether it is one of our texts, and should be another."""
    whole, patterns = _english(language)
    return text in whole or patterns.fullmatch(text) is not None


@cache
def _english(language: str) -> tuple[set[str], re.Pattern[str]]:
    whole, patterns = set[str](), list[str]()
    for message in translated(language):
        for text, said in zip(_forms(message.id), _forms(message.string), strict=True):
            plain = " ".join(text.split())
            if text == said or "<" in text:
                continue
            pattern = PLACE.sub(".+?", re.escape(plain))
            if pattern == re.escape(plain):
                whole.add(plain)
            elif len(re.sub(r"\W", "", PLACE.sub("", re.escape(plain)))) >= WORDS:
                patterns.append(pattern)
    return whole, re.compile("|".join(patterns))


def _forms(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return texts if isinstance(texts, tuple) else (texts,)
