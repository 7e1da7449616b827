"""Names of portraits: how a file's name reads as a title, which name is meant by its ending, and which by a slip."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

__all__ = ["ends_with", "nearest", "spelt_out"]

#: Words that stay small within a title or a name.
_ENGLISH: Final = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"}
_ITALIAN: Final = {"da", "dal", "de", "degli", "dei", "del", "della", "delle", "di", "e"}
_OTHERS: Final = {"der", "des", "du", "en", "et", "la", "le", "ten", "ter", "van", "von", "y"}
_SMALL: Final = _ENGLISH | _ITALIAN | _OTHERS


def spelt_out(slug: str) -> str:
    """A part of a file's name as it is written in a caption: small words stay small, but for the first.

    >>> spelt_out("lady-with-an-ermine"), spelt_out("leonardo-da-vinci"), spelt_out("isabella-d-este")
    ('Lady with an Ermine', 'Leonardo da Vinci', "Isabella d'Este")
    """
    words = [word for word in slug.split("-") if word]
    written = [word if index and word in _SMALL else word.capitalize() for index, word in enumerate(words)]
    text = " ".join(written)
    for letter in ("D", "L"):  # elided in French and Italian; no English word is one of these letters
        text = text.replace(f" {letter} ", f" {letter.lower()}'")
    return text


def ends_with(stem: str, name: str) -> bool:
    """Whether `name` is a stem or its ending after a break, as `mona-lisa` is of `leonardo-da-vinci__mona-lisa`."""
    return stem == name or (stem.endswith(name) and stem[-len(name) - 1] in "-_")


def nearest(text: str, names: Iterable[str], *, most: int = 3) -> tuple[str, ...]:
    """The names that may have been meant by `text`, likeliest first: those that hold its words, or else those like it.

    >>> nearest("militiaman", ["a-militiaman-holding-a-berkemeyer", "mona-lisa"])
    ('a-militiaman-holding-a-berkemeyer',)
    >>> nearest("monna-lisa", ["a-militiaman-holding-a-berkemeyer", "mona-lisa"])
    ('mona-lisa',)
    """
    known = list(dict.fromkeys(names))
    wanted = "-".join(text.lower().replace("_", " ").replace("-", " ").split())
    if not wanted:
        return ()
    holding = [name for name in known if f"-{wanted}-" in f"-{name.replace('_', '-')}-"]
    if holding:
        return tuple(holding[:most])
    alike = difflib.get_close_matches(wanted, known, n=most)
    # A slip in one word of a long name is small beside the whole of it, but large beside the word.
    words = {word: name for name in reversed(known) for word in name.replace("_", "-").split("-") if len(word) > 3}
    by_word = [words[word] for word in difflib.get_close_matches(wanted, words, n=most, cutoff=0.75)]
    return tuple(dict.fromkeys([*alike, *by_word]))[:most]
