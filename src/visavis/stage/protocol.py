"""The messages that the page receives: one JSON object a frame, under 2 KB, described in docs/protocol.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal

from visavis.reading.emotion import in_words
from visavis.types import Emotion, Expression, Reason, Snapshot

__all__ = ["MAX_MESSAGE_BYTES", "PROTOCOL_VERSION", "SourceKind", "SourceState", "StageState", "encode_state"]

#: Raised when a field changes its meaning; new fields may come without it.
PROTOCOL_VERSION: Final = 1
#: No message is longer.
MAX_MESSAGE_BYTES: Final = 2048

SourceKind = Literal["camera", "stream", "file", "browser", "script"]
SourceState = Literal["opening", "playing", "lost", "failed"]


@dataclass(frozen=True, slots=True)
class StageState:
    """What the page should know beside the expression.

    Attributes:
        kind: what plays: `camera`, `stream`, `file`, `browser` or `script`.
        label: its name for people, such as `camera:0` or a file's name; never a whole path, never an address.
        fallback: True when it plays because the source that was asked for is not there.
        state: `opening`, `playing`, `lost` (it went away, and is tried again) or `failed` (given up).
        mode: `mirror`, `answer` or `contrary`.
        rig: digest of the portrait's rig, so that a page that outlived a restart fetches the new one.
    """

    kind: SourceKind
    label: str
    mode: str
    rig: str = ""
    fallback: bool = False
    state: SourceState = "opening"


def encode_state(snapshot: Snapshot, state: StageState, *, number: int) -> str:
    """Write one message.

    What is told of the emotion is in it only when one was read: in the attributes-only mode no snapshot holds any.
    """
    lead = snapshot.lead
    message: dict[str, object] = {
        "v": PROTOCOL_VERSION,
        "n": number,
        "t": round(snapshot.time_s, 4),
        "ft": round(snapshot.frame_time_s, 4),
        **_expression(snapshot.answer),
        "people": len(snapshot.readings),
        "attract": snapshot.attract,
        "mode": state.mode,
        "rig": state.rig,
        "source": {
            "kind": state.kind,
            "label": _short(state.label),
            "state": state.state,
            "fallback": state.fallback,
        },
    }
    if lead is not None and lead.attributes is not None:
        message["attributes"] = {name: round(value, 3) for name, value in lead.attributes.items()}
    if lead is not None and lead.emotion is not None:
        message["emotion"] = lead.emotion.label
        message["reading"] = _reading(lead.emotion, lead.reasons)
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)


def _reading(emotion: Emotion, reasons: tuple[Reason, ...]) -> dict[str, object]:
    return {
        "p": [round(value, 3) for value in emotion.probabilities.tolist()],
        "intensity": round(emotion.intensity, 3),
        "valence": round(emotion.valence, 3),
        "arousal": round(emotion.arousal, 3),
        "why": in_words(emotion, reasons),
    }


def _expression(expression: Expression) -> dict[str, object]:
    # `tolist` and `round` on 58 numbers take some 15 microseconds; a zero is sent as `0`.
    return {
        "w": [round(value, 4) or 0 for value in expression.weights.tolist()],
        "g": [round(value, 4) or 0 for value in expression.gaze.tolist()],
        "s": [round(value, 3) or 0 for value in expression.sway.tolist()],
        "b": round(expression.breath, 4) or 0,
    }


def _short(label: str) -> str:
    return label if len(label) <= 80 else f"{label[:79]}…"
