"""Visavis: a Renaissance portrait that looks back.

    from visavis import AssetStore, MeshRenderer, emotion_preset, open_portrait

    portrait = open_portrait("painting.jpg", assets=AssetStore())
    smiling = MeshRenderer(portrait.rig).render(emotion_preset("joy"))

Importing this package touches no device, no network and no model, and takes a few milliseconds: each public name is
imported when it is first used.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from visavis.assets import AssetStore
    from visavis.errors import VisavisError
    from visavis.faces import Landmarker, create_detector, find_faces
    from visavis.images import read_image, write_image
    from visavis.portrait.gallery import open_portrait
    from visavis.portrait.presets import emotion_preset
    from visavis.portrait.render import MeshRenderer, PortraitRenderer
    from visavis.portrait.rig import Rig, make_rig
    from visavis.reading import Reader
    from visavis.sources import open_source
    from visavis.types import BLENDSHAPES, EMOTIONS, Emotion, Expression, Face, Frame, Reading, Snapshot

__all__ = [
    "BLENDSHAPES",
    "EMOTIONS",
    "AssetStore",
    "Emotion",
    "Expression",
    "Face",
    "Frame",
    "Landmarker",
    "MeshRenderer",
    "PortraitRenderer",
    "Reader",
    "Reading",
    "Rig",
    "Snapshot",
    "VisavisError",
    "__version__",
    "create_detector",
    "emotion_preset",
    "find_faces",
    "make_rig",
    "open_portrait",
    "open_source",
    "read_image",
    "write_image",
]

__version__ = "0.1.0"

# ONNX Runtime would note the machine and the path of Python in a file for its maker; a portrait keeps to itself.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES: Final = {
    "visavis.assets": ("AssetStore",),
    "visavis.errors": ("VisavisError",),
    "visavis.faces": ("Landmarker", "create_detector", "find_faces"),
    "visavis.images": ("read_image", "write_image"),
    "visavis.portrait.gallery": ("open_portrait",),
    "visavis.portrait.presets": ("emotion_preset",),
    "visavis.portrait.render": ("MeshRenderer", "PortraitRenderer"),
    "visavis.portrait.rig": ("Rig", "make_rig"),
    "visavis.reading": ("Reader",),
    "visavis.sources": ("open_source",),
    "visavis.types": ("BLENDSHAPES", "EMOTIONS", "Emotion", "Expression", "Face", "Frame", "Reading", "Snapshot"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use (PEP 562); any other name is an error, as ever."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'visavis' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
