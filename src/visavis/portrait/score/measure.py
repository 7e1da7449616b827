"""Score one portrait by all instruments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from visavis.assets import AssetStore
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.presets import emotion_presets
from visavis.portrait.render import MeshRenderer
from visavis.portrait.renderers import RendererFactory
from visavis.portrait.score.judges import EmotionJudge, measure_judgement
from visavis.portrait.score.likeness import Embedding, measure_likeness
from visavis.portrait.score.motion import ReadLandmarks, measure_motion, measure_seen_motion
from visavis.portrait.score.reach import ReadBlendshapes, measure_reach
from visavis.portrait.score.rest import measure_rest
from visavis.types import Expression, Float32, Image

__all__ = ["Instruments", "PortraitScore", "score_portrait"]


@dataclass(frozen=True, slots=True)
class PortraitScore:
    """What was measured on one portrait.

    Attributes:
        name: of the portrait.
        figures: values by name, `KIND` or `KIND/WHAT`; empty for a portrait that was refused.
        refused: why it could not be rigged, or "".
    """

    name: str
    figures: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Instruments:
    """What looks at the renders.

    Attributes:
        read: reads blendshape scores off a picture of one face.
        judges: name emotions.
        embeddings: tell people apart.
        renderer: draws a rig; another implementation can be scored in its place.
        see: reads landmarks off the same pictures; None leaves out what it would say.
    """

    read: ReadBlendshapes
    judges: tuple[EmotionJudge, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    renderer: RendererFactory = MeshRenderer
    see: ReadLandmarks | None = None

    @classmethod
    def of(cls, assets: AssetStore, *, judges: bool = True, renderer: RendererFactory = MeshRenderer) -> Self:
        """The instruments of `visavis portrait score`; without `judges`, the landmarker alone."""
        from visavis.faces import Landmarker
        from visavis.portrait.score.faceapi import FaceApiEmbedding, FaceApiJudge
        from visavis.portrait.score.fer import FerJudge
        from visavis.portrait.score.human import HumanJudge

        landmarker = Landmarker(assets, mode="image")

        def read(image: Image) -> Float32 | None:
            faces = landmarker.detect(image)
            return faces[0].blendshapes if faces else None

        def see(image: Image) -> Float32 | None:
            faces = landmarker.detect(image)
            return faces[0].landmarks if faces else None

        if not judges:
            return cls(read, renderer=renderer, see=see)
        named = FerJudge(assets), HumanJudge(assets), FaceApiJudge(assets)
        return cls(read, named, (FaceApiEmbedding(assets),), renderer, see)

    def load(self) -> None:
        """Open every network now, so that what is missing is told before the work.

        Raises:
            AssetError, ModelError, MissingPackageError: one cannot be had.
        """
        for judge in self.judges:
            judge.load()
        for embedding in self.embeddings:
            embedding.load()


def score_portrait(
    name: str,
    portrait: OpenPortrait,
    instruments: Instruments,
    *,
    presets: Mapping[str, Expression] | None = None,
) -> PortraitScore:
    """Measure one portrait; a few seconds.

    Args:
        name: of the portrait, for tables.
        portrait: image, face and rig.
        instruments: what to measure it by.
        presets: the emotions; None for those that ship with Visavis.

    Raises:
        AssetError, ModelError, MissingPackageError: an instrument cannot be had.
    """
    rig, asked = portrait.rig, presets or emotion_presets()
    renderer = instruments.renderer(rig)
    figures = measure_reach(renderer, rig.painting, rig.landmarks, asked, instruments.read)
    figures |= measure_rest(renderer, rig.painting, rig.landmarks, rig.face_width, asked)
    figures |= measure_motion(rig, asked)
    if instruments.see is not None:
        figures |= measure_seen_motion(renderer, rig.painting, rig.landmarks, asked, instruments.see)
    figures |= measure_judgement(renderer, rig.landmarks, asked, instruments.judges)
    figures |= measure_likeness(renderer, rig.landmarks, asked, instruments.embeddings)
    return PortraitScore(name, figures)
