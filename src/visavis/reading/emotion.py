"""Readers of emotion: three ways from a face to probabilities, behind one protocol.

    reader = create_emotion_reader("blendshapes")
    emotion = reader.read(face)
    print(in_words(emotion, reader.explain(face)))      # joy 0.94: lip corners pulled up 0.88, upper lip raised 0.41

`rules` reads the attributes of CelebA by the founding report's table, extended; `blendshapes` reads action units by a
table after EMFACS; `learned` is a network of our own. A further one is a class with this protocol and a line in
`EMOTION_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from visavis.errors import ConfigError, ModelError
from visavis.reading.emotion_card import LEARNED_CARD
from visavis.reading.learned import LearnedReader
from visavis.reading.protocol import EmotionReader
from visavis.reading.tables import TableReader
from visavis.types import Emotion, Reason

__all__ = [
    "EMOTION_READERS",
    "create_emotion_reader",
    "default_emotion_reader",
    "in_words",
]

#: Signs named in a sentence.
_NAMED: Final = 3
#: What adds less than this to the logarithm of the odds is not worth a word.
_WORTH_A_WORD: Final = 0.1
#: Nor is a reason of which there is less than this.
_SEEN: Final = 0.05


def _learned(path: Path | None) -> EmotionReader:
    if path is None and not LEARNED_CARD.is_file():
        raise ModelError(
            "this package was built without the learned reader of emotion; take `blendshapes`, or train one with: "
            "visavis lab train-emotion"
        )
    return LearnedReader.load(path)


#: The readers by name. Each takes the path of its table or card, or None for the one of the package.
EMOTION_READERS: Final[Mapping[str, Callable[[Path | None], EmotionReader]]] = {
    "rules": partial(TableReader.load, "rules"),
    "blendshapes": partial(TableReader.load, "blendshapes"),
    "learned": _learned,
}


def default_emotion_reader() -> str:
    """The name of the reader that is used when none is named: `learned` where its file is present."""
    return "learned" if LEARNED_CARD.is_file() else "blendshapes"


def create_emotion_reader(name: str | None = None, *, path: Path | None = None) -> EmotionReader:
    """A reader of emotion by name; None takes `default_emotion_reader()`.

    Args:
        name: one of `EMOTION_READERS`.
        path: a table (`rules`, `blendshapes`) or a card (`learned`) of one's own; None for the package's.

    >>> create_emotion_reader("blendshapes").needs
    frozenset({'blendshapes'})

    Raises:
        ConfigError: an unknown name, or a table that cannot be read.
        ModelError: the learned reader's files are missing or damaged.
    """
    chosen = default_emotion_reader() if name is None else name
    if chosen not in EMOTION_READERS:
        raise ConfigError(f"there is no emotion reader {chosen!r}; known are {', '.join(EMOTION_READERS)}")
    return EMOTION_READERS[chosen](path)


def in_words(emotion: Emotion, reasons: Sequence[Reason]) -> str:
    """The reading as a sentence, with what speaks for it: `joy 0.86: smiling 0.97, cheeks raised 0.91`.

    >>> in_words(Emotion.from_mapping({"joy": 0.86, "neutral": 0.14}), [Reason("smiling", 0.97, 3.1)])
    'joy 0.86: smiling 0.97'
    """
    told = f"{emotion.dominant} {emotion[emotion.dominant]:.2f}"
    if emotion.unsure:
        told = f"unsure, {told}"
    # What is missing may speak for an emotion too, but no one would name it as what is seen.
    seen = [reason for reason in reasons if reason.weight > _WORTH_A_WORD and reason.value >= _SEEN]
    for_it = seen[:_NAMED]
    if not for_it:
        return f"{told}: nothing stands out"
    return f"{told}: {', '.join(f'{reason.phrase} {reason.value:.2f}' for reason in for_it)}"
