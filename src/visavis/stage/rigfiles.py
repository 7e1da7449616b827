"""The painting and its rig as the page fetches them: bytes by name, under an address that changes with the content."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from visavis.types import BLENDSHAPES, Image

__all__ = ["RigFiles", "flat_rig"]

_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_TYPES: Final = {
    "json": "application/json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
}


class RigFiles:
    """The files of one rig; `manifest.json` names the others.

    >>> RigFiles({"manifest.json": b"{}"}).digest[:8]
    'b3e3b1cb'

    Raises:
        ValueError: no manifest among them, or a name that is not plain.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        if "manifest.json" not in files:
            raise ValueError("the files of a rig must include manifest.json")
        odd = [name for name in files if not _NAME.fullmatch(name)]
        if odd:
            raise ValueError(f"names of rig files must be plain, not {odd}")
        self.files: Mapping[str, bytes] = MappingProxyType(dict(files))
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(f"{name}\0{len(files[name])}\0".encode())
            digest.update(files[name])
        #: 16 hexadecimal digits that stand for all names and bytes.
        self.digest: str = digest.hexdigest()[:16]

    @property
    def painting(self) -> str:
        """The name of the file that holds the painting as it is; empty where the manifest names none."""
        return str(json.loads(self.files["manifest.json"]).get("painting", ""))

    @staticmethod
    def media_type(name: str) -> str:
        """The media type of a file by its suffix."""
        return _TYPES.get(name.rsplit(".", 1)[-1], "application/octet-stream")


def flat_rig(painting: Image, *, title: str = "") -> RigFiles:
    """A painting that does not move, in the rig's form: (H, W, 3) RGB uint8."""
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    Pillow.fromarray(painting).save(buffer, "PNG", compress_level=3)
    height, width = painting.shape[:2]
    manifest = {
        "format": "visavis-flat",
        "version": 1,
        "title": title,
        "width": width,
        "height": height,
        "painting": "painting.png",
        "blendshapes": list(BLENDSHAPES),
    }
    return RigFiles({"manifest.json": json.dumps(manifest).encode(), "painting.png": buffer.getvalue()})
