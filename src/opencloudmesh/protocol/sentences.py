"""Sentences with places in them: English text that remembers what it was made of, so that it can be said otherwise.

said = Sentence("{host} did not answer: {reason}.", host="a.example", reason=Sentence("it took too long"))
said                                # "a.example did not answer: it took too long.", as any text
said.spoken(german)                 # "a.example hat nicht geantwortet: es hat zu lange gedauert."
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping


class Sentence(str):
    """Text; `template` and `values` are what it was made of. What is a sentence among them is said otherwise too."""

    template: str
    values: Mapping[str, str | int]

    def __new__(cls, template: str, /, **values: object) -> Sentence:
        """Without values nothing is filled in: braces are braces."""
        if isinstance(template, Sentence) and not values:
            return template
        kept = {name: value if isinstance(value, (str, int)) else str(value) for name, value in values.items()}
        sentence = super().__new__(cls, template.format(**kept) if kept else template)
        sentence.template, sentence.values = template, kept
        return sentence

    @classmethod
    def joined(cls, sentences: Iterable[str], between: str = " ") -> Sentence:
        """One after the other."""
        named = {f"sentence{number}": cls(one) for number, one in enumerate(sentences)}
        return cls(between.join(f"{{{name}}}" for name in named), **named)

    def spoken(self, speak: Callable[[str], str]) -> str:
        """The same in the language into which `speak` brings a template; its places are filled in afterwards."""
        values = {
            name: value.spoken(speak) if isinstance(value, Sentence) else value for name, value in self.values.items()
        }
        return speak(self.template).format(**values) if values else speak(self.template)
