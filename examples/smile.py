"""Let a painting smile: python examples/smile.py PAINTING OUT.png"""

from __future__ import annotations

import sys

from visavis import AssetStore, MeshRenderer, VisavisError, emotion_preset, open_portrait, write_image


def main(painting: str, out: str) -> None:
    """Find the sitter of a painting, rig it, and write it with a smile."""
    portrait = open_portrait(painting, assets=AssetStore())
    write_image(out, MeshRenderer(portrait.rig).render(emotion_preset("joy")))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except VisavisError as error:
        sys.exit(str(error))
