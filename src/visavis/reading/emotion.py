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
from pathlib import Path
from typing import Final, Literal, Protocol

from visavis.errors import ConfigError, ModelError
from visavis.types import Emotion, Face, Image, Reason

__all__ = [
    "EMOTION_READERS",
    "LEARNED_CARD",
    "EmotionReader",
    "Need",
    "create_emotion_reader",
    "default_emotion_reader",
    "in_words",
]

#: What a reader of emotion may need of a face.
Need = Literal["attributes", "blendshapes", "pixels"]

#: The card of the learned reader that comes with the package.
LEARNED_CARD: Final = Path(__file__).parent / "models" / "emotion.json"

#: Signs named in a sentence.
_NAMED: Final = 3
#: What adds less than this to the logarithm of the odds is not worth a word.
_WORTH_A_WORD: Final = 0.1
#: Nor is a reason of which there is less than this.
_SEEN: Final = 0.05


class EmotionReader(Protocol):
    """Reads the emotion that one face shows in one picture; nothing in it looks at time."""

    @property
    def name(self) -> str:
        """Its name in `EMOTION_READERS`."""
        ...

    @property
    def needs(self) -> frozenset[Need]:
        """What must be given to `read`: `attributes`, `blendshapes` (in the face), `pixels` (image and keypoints)."""
        ...

    @property
    def unsure_below(self) -> float:
        """A reading whose dominant label is less probable than this is `unsure`."""
        ...

    def read(self, face: Face, *, image: Image | None = None, attributes: Mapping[str, float] | None = None) -> Emotion:
        """Calibrated probabilities, with `unsure` and `extent`.

        Args:
            face: in pixels of `image`.
            image: (H, W, 3) uint8 RGB, the picture that the face was found in.
            attributes: calibrated probability by attribute name.

        Raises:
            ValueError: something of `needs` is missing.
        """
        ...

    def explain(
        self,
        face: Face,
        *,
        image: Image | None = None,
        attributes: Mapping[str, float] | None = None,
        label: str | None = None,
    ) -> tuple[Reason, ...]:
        """What speaks for `label` (None: the dominant one) and against it, the weightiest first.

        Raises:
            ValueError: something of `needs` is missing.
        """
        ...


def _blendshapes(path: Path | None) -> EmotionReader:
    from visavis.reading.tables import TableReader

    return TableReader.load("blendshapes", path)


def _rules(path: Path | None) -> EmotionReader:
    from visavis.reading.tables import TableReader

    return TableReader.load("rules", path)


def _learned(path: Path | None) -> EmotionReader:
    from visavis.reading.learned import LearnedReader

    if path is None and not LEARNED_CARD.is_file():
        raise ModelError(
            "this package was built without the learned reader of emotion; take `blendshapes`, or train one with: "
            "visavis lab train-emotion"
        )
    return LearnedReader.load(path)


#: The readers by name. Each takes the path of its table or card, or None for the one of the package.
EMOTION_READERS: Final[Mapping[str, Callable[[Path | None], EmotionReader]]] = {
    "rules": _rules,
    "blendshapes": _blendshapes,
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
