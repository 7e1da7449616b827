"""Reading a face: its emotion, its expression, steadied over time.

create_emotion_reader(name).read(face)    the emotion of one face of one picture
to_expression(face)                       what it does, in the landmarker's scores
retargeted(expression)                    the same, as a portrait would play it
FaceReader                                face after face, steadied over time
Reader                                    from pictures and video frames to readings
"""

from __future__ import annotations

from visavis.reading.emotion import EMOTION_READERS, create_emotion_reader, in_words
from visavis.reading.expression import to_expression
from visavis.reading.face_reader import FaceReader, Smoothing, Sparing
from visavis.reading.instruments import Instruments, open_instruments
from visavis.reading.protocol import EmotionReader
from visavis.reading.reader import Reader
from visavis.reading.retarget import retargeted
from visavis.reading.smooth import OneEuro, SteadyEmotion

__all__ = [
    "EMOTION_READERS",
    "EmotionReader",
    "FaceReader",
    "Instruments",
    "OneEuro",
    "Reader",
    "Smoothing",
    "Sparing",
    "SteadyEmotion",
    "create_emotion_reader",
    "in_words",
    "open_instruments",
    "retargeted",
    "to_expression",
]
