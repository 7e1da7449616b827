"""Let a painting smile: python examples/smile.py PAINTING OUT.png"""

from __future__ import annotations

import sys

from visavis import AssetStore, MeshRenderer, emotion_preset, find_faces, make_rig, read_image, write_image


def main(painting_path: str, out: str) -> None:
    """Find the largest face of a painting, rig it, and write it with a smile."""
    painting = read_image(painting_path)
    faces = find_faces(painting, assets=AssetStore())
    if not faces:
        sys.exit(f"{painting_path}: no face was found")
    portrait = MeshRenderer(make_rig(painting, faces[0]))
    write_image(out, portrait.render(emotion_preset("joy")))


if __name__ == "__main__":
    main(*sys.argv[1:])
