"""The study of emotions as a page that a person can read: the answer first, then the tables behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from visavis.files import replacing
from visavis.lab.emotion_study import SEVEN, Judged, Study
from visavis.types import EMOTIONS

__all__ = ["study_page", "write_study_page"]

#: Areas under the ROC curve from which an emotion counts as told, and as hinted at.
_TOLD, _HINTED = 0.85, 0.72
#: Attributes listed for each emotion.
_LISTED: Final = 4


def write_study_page(study: Study, path: Path) -> Path:
    """Write the page, whole or not at all, and give back its path.

    Raises:
        OutputError: it cannot be written.
    """
    with replacing(path) as temporary:
        temporary.write_text(study_page(study), encoding="utf-8")
    return path


def study_page(study: Study) -> str:
    """The page as Markdown."""
    first = study.judged[0]
    parts = [
        "# Can attributes tell an emotion?\n",
        "Written by `visavis lab emotion-study`; its figures are measured, not typed.\n",
        _answer(study, first),
        _ceilings(study),
        _carried(study),
        _without(study),
        _readers(first),
        *(_other(judged) for judged in study.judged[1:]),
        _how(study, first),
    ]
    return "\n".join(parts)


def _figure(row: Mapping[str, Any]) -> str:
    low, high = row["balanced_accuracy_interval"]
    return f"{row['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})"


def _best(ways: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    return max(ways.values(), key=lambda row: float(row["balanced_accuracy"]))


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names) or "none"


def _answer(study: Study, first: Judged) -> str:
    areas = {emotion: span.value for emotion, span in study.areas.items() if emotion != "neutral"}
    told = [emotion for emotion, area in areas.items() if area >= _TOLD]
    hinted = [emotion for emotion, area in areas.items() if _HINTED <= area < _TOLD]
    lost = [emotion for emotion, area in areas.items() if area < _HINTED]
    six, seven = _best(first.ceilings["six attributes"]), _best(first.ceilings["six + Arched_Eyebrows"])
    every, moves = _best(first.ceilings["all attributes"]), _best(first.ceilings["movements"])
    together = first.ceilings["all together"]["linear"]
    arched = seven["balanced_accuracy"] - six["balanced_accuracy"]
    return f"""The founding report ends with a question: can an emotion be told from the attributes that its classifier
reads?

**In part.** The report's six, with the raised eyebrows that it wanted beside them, tell {_listed(told)}; they hint at
{_listed(hinted)}; {_listed(lost)} they do not tell. Of seven emotions, weighed alike, they name
{seven["balanced_accuracy"]:.0%} rightly, whatever is fitted on them, where guessing names 14 %. `Arched_Eyebrows`
adds {arched * 100:+.1f} points to the six. All forty attributes of CelebA reach {every["balanced_accuracy"]:.0%}: most
of them say who a person is, not what the face does. The face's movements alone reach {moves["balanced_accuracy"]:.0%};
a network that looks at the face, weighed with movements and attributes, {together["balanced_accuracy"]:.0%}. People
agree with the labels of these pictures in about 65 %.

The signs that the report named, by the hundredths of area (below) that are lost without them: for joy,
{_lost(study, "joy", "Smiling", "Narrow_Eyes")}; for surprise,
{_lost(study, "surprise", "Mouth_Slightly_Open", "Arched_Eyebrows")}. What is not told needs what no attribute of CelebA
names: brows drawn together, lips pressed, a nose wrinkled, the corners of the mouth turned down.
"""


def _lost(study: Study, emotion: str, *names: str) -> str:
    return ", ".join(f"`{name}` {study.ablation[emotion][name] * 100:.1f}" for name in names)


def _ceilings(study: Study) -> str:
    lines = [
        "## How far each measure reaches\n",
        "Balanced accuracy over the seven emotions, with 95 % intervals, of what is fitted on each measure: a weighted",
        "sum, or boosted trees, which find what no sum does. By chance it is 0.143.\n",
        "| measured | " + " | ".join(f"{j.name}, sum | {j.name}, trees" for j in study.judged) + " |",
        "|---|" + "---|---|" * len(study.judged),
    ]
    for name in study.judged[0].ceilings:
        cells = []
        for judged in study.judged:
            ways = judged.ceilings[name]
            cells += [_figure(ways["linear"]), _figure(ways["trees"]) if "trees" in ways else ""]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _carried(study: Study) -> str:
    lines = [
        "## Which attributes carry which emotion\n",
        "Mutual information, in hundredths of a bit, between the probability of an attribute and whether a face shows",
        "the emotion rather than any other, on the training faces. `+` speaks for the emotion, `-` against it.\n",
        "| emotion | most telling of the forty | the report's six and the eyebrows |",
        "|---|---|---|",
    ]

    def told(carriers: Sequence[Any]) -> str:
        return ", ".join(
            f"{'+' if c.direction > 0 else '-'}{c.attribute} {c.bits.value * 100:.1f} "
            f"({c.bits.low * 100:.1f} to {c.bits.high * 100:.1f})"
            for c in carriers
        )

    for emotion in EMOTIONS:
        own = [carrier for carrier in study.carriers if carrier.emotion == emotion]
        seven = [carrier for carrier in own if carrier.attribute in SEVEN]
        lines.append(f"| {emotion} | {told(own[:_LISTED])} | {told(seven[:_LISTED])} |")
    return "\n".join(lines) + "\n"


def _without(study: Study) -> str:
    lines = [
        "## What is lost without each\n",
        "Area under the ROC curve of the seven attributes for each emotion against all others, on the validation side,",
        "and by how many hundredths it falls when one of them is left out and the rest is fitted anew.\n",
        "| emotion | area | " + " | ".join(SEVEN) + " |",
        "|---|---|" + "---|" * len(SEVEN),
    ]
    for emotion in EMOTIONS:
        span = study.areas[emotion]
        cells = [f"{study.ablation[emotion][name] * 100:.1f}" for name in SEVEN]
        lines.append(
            f"| {emotion} | {span.value:.3f} ({span.low:.3f} to {span.high:.3f}) | " + " | ".join(cells) + " |"
        )
    return "\n".join(lines) + "\n"


def _readers(judged: Judged) -> str:
    lines = [
        "## The three readers\n",
        f"On the validation side, {judged.rows} faces with landmarks; the likeliest label counts, sure or not.\n",
        "| reader | balanced accuracy | calibration error | unsure | right when sure | right when unsure |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in judged.readers.items():
        lines.append(_reader_row(name, row))
    lines.append(_reader_row(f"learned, all {judged.rows + judged.missed} faces", judged.every))
    for name, row in judged.readers.items():
        lines += ["", *_confusion(name, row)]
    return "\n".join(lines) + "\n"


def _reader_row(name: str, row: Mapping[str, Any]) -> str:
    return (
        f"| {name} | {_figure(row)} | {row['calibration_error']:.3f} | {row['unsure']:.0%} | "
        f"{row['accuracy_sure']:.0%} | {row['accuracy_unsure']:.0%} |"
    )


def _confusion(name: str, row: Mapping[str, Any]) -> list[str]:
    lines = [f"| `{name}` reads, % | " + " | ".join(EMOTIONS) + " |", "|---|" + "---|" * len(EMOTIONS)]
    for number, emotion in enumerate(EMOTIONS):
        counts = row["confusion"][number]
        shares = [100 * count / max(sum(counts), 1) for count in counts]
        cells = [f"**{share:.0f}**" if place == number else f"{share:.0f}" for place, share in enumerate(shares)]
        lines.append(f"| {emotion} | " + " | ".join(cells) + " |")
    return lines


def _other(judged: Judged) -> str:
    lines = [
        f"## {judged.name}\n",
        f"{judged.rows} faces with landmarks of a folder on which nothing was fitted ({judged.missed} without).\n",
        "| reader | balanced accuracy | calibration error | unsure | right when sure | right when unsure |",
        "|---|---|---|---|---|---|",
        *(_reader_row(name, row) for name, row in judged.readers.items()),
        "",
        *_confusion("learned", judged.readers["learned"]),
    ]
    return "\n".join(lines) + "\n"


def _how(study: Study, first: Judged) -> str:
    return f"""## How it was asked

Everything was fitted on {study.trained_on} faces of the run's training side and judged on others. Ridges were chosen on
held-out parts of the training side; the network's share was weighed by what networks say of faces that they were blind
to. Classes weigh alike in every fit and figure. Intervals are percentiles over resampled faces. In
{first.missed} of {first.rows + first.missed} validation faces no landmarks were found; the learned reader reads these
too. Attributes are what our own classifier says, so this is what it can be used for, not what perfect labels would
tell. The labels say what annotators saw in a picture. What a person feels is another matter.
"""
