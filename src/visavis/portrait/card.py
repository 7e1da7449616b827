"""The card of a portrait that a user added: what is known of the picture beside it, as `portrait.json`."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from visavis.errors import InputError

__all__ = ["CARD_FILE", "Card", "read_card", "write_card"]

#: Its name in the folder of the portrait.
CARD_FILE: Final = "portrait.json"


@dataclass(frozen=True, slots=True)
class Card:
    """What is kept of an added portrait.

    Attributes:
        file: the picture's name, in the folder of the card.
        title, artist: for people; "" where unknown.
        face: which face is the sitter's, 1 for the biggest, or None where nobody chose.
    """

    file: str
    title: str = ""
    artist: str = ""
    face: int | None = None


def write_card(folder: Path, card: Card) -> None:
    """Write the card of the portrait in `folder`.

    Raises:
        OSError: it cannot be written.
    """
    text = json.dumps(asdict(card), ensure_ascii=False, indent=1)
    (folder / CARD_FILE).write_text(text, encoding="utf-8")


def read_card(folder: Path) -> Card:
    """Read the card of the portrait in `folder`.

    Raises:
        InputError: it is missing or damaged, or names a picture outside its folder; the message says how to remove it.
    """
    try:
        return _card_of((folder / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{folder / CARD_FILE} is damaged ({reason}); remove it with "
            f"`visavis portrait remove {shlex.quote(folder.name)}` and add the portrait again"
        ) from None


def _card_of(text: str) -> Card:
    """Raises ValueError, or RecursionError where the text is nested too deeply."""
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("expected an object with a file")
    file, face = content.get("file"), content.get("face")
    # A card that was carried here from elsewhere must not reach for files outside its own folder.
    if not isinstance(file, str) or file in ("", ".", "..") or any(mark in file for mark in "/\\\0"):
        raise ValueError(f"its file must be a plain file name, not {file!r}")
    if face is not None and (type(face) is not int or face < 1):
        raise ValueError(f"its face must be a whole number from 1, not {face!r}")
    return Card(file, str(content.get("title", "")), str(content.get("artist", "")), face)
