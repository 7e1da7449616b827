"""Measure how well portraits move: reach, rest, what strangers see, and whether it is still the same person.

instruments = Instruments.of(AssetStore())
score = score_portrait("lady", open_portrait("lady.jpg", assets=AssetStore()), instruments)
print(score.figures["reach/jawOpen"])
"""

from visavis.portrait.score.measure import Instruments, PortraitScore, score_portrait
from visavis.portrait.score.summary import Row, Target, judges_of, summarise, target_of
from visavis.portrait.score.table import read_scores, tables, write_scores

__all__ = [
    "Instruments",
    "PortraitScore",
    "Row",
    "Target",
    "judges_of",
    "read_scores",
    "score_portrait",
    "summarise",
    "tables",
    "target_of",
    "write_scores",
]
