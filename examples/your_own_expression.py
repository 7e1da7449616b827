"""Play an expression of your own, as frames: python examples/your_own_expression.py PAINTING FOLDER

A wink that comes and goes, with a smile on the same side: everything a portrait plays is an `Expression`, and
expressions can be mixed.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from visavis import AssetStore, Expression, MeshRenderer, VisavisError, open_portrait, write_image

WINK = Expression.from_mapping(
    {"eyeBlinkLeft": 1.0, "cheekSquintLeft": 0.6, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.3}, gaze=(0.2, 0.0)
)


def main(painting: str, folder: str, frames: int = 30) -> None:
    """Write `frames` pictures of a wink."""
    portrait = MeshRenderer(open_portrait(painting, assets=AssetStore()).rig)
    for index in range(frames):
        amount = math.sin(math.pi * index / (frames - 1)) ** 2
        write_image(Path(folder) / f"wink-{index:03d}.png", portrait.render(Expression().mix(WINK, amount)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2])
    except VisavisError as error:
        sys.exit(str(error))
