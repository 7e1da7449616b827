"""Reading a face: its emotion, its expression, steadied over time.

read_emotion(face), to_expression(face)    one face of one picture
FaceReader                                 face after face, steadied over time
Reader                                     from pictures and video frames to readings
"""

from __future__ import annotations

from visavis.reading.emotion import EmotionRules, load_rules, read_emotion
from visavis.reading.expression import to_expression
from visavis.reading.face_reader import FaceReader, Smoothing
from visavis.reading.reader import Reader
from visavis.reading.smooth import OneEuro, SteadyEmotion

__all__ = [
    "EmotionRules",
    "FaceReader",
    "OneEuro",
    "Reader",
    "Smoothing",
    "SteadyEmotion",
    "load_rules",
    "read_emotion",
    "to_expression",
]
