"""Write how the basis compares with measured faces, blendshape by blendshape.

    python tools/write_basis_table.py docs/basis.md

The figures are those that `tools/fit_basis.py` keeps in `basis.npz`; a test compares the page with what this would
write.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from visavis.files import replacing
from visavis.portrait.basis import load_basis
from visavis.types import BLENDSHAPES

_HEAD: Final = """# The basis against measured faces

Written by `make docs` out of `basis.npz`. What a blendshape does is read off ICT-FaceKit's shapes (carried); the same
was measured on faces in videos by ridge regression of pose-free landmarks on the landmarker's scores (measured).
`tools/fit_basis.py` does both.

- **cosine**: of the two displacements over the 468 points, seen from the front; 1 is the same motion;
- **ratio**: length of the measured over that of the carried;
- **extent**: how far the strongest measured frames go along the carried shape from the face at rest, for a score of 1;
- **reach**: how far the carried shape moves its farthest point at weight 1, in hundredths of the face's width.

A score that hardly ever rose in the videos has nothing to regress on: a ratio near 0 says that the measure is blind
(`cheekPuff`, `cheekSquint`, `noseSneer`, `jawForward`), not that the shape is wrong. Lids, irises and gaze of a rig
do not come from these points but from the eye itself ([rig-format.md](rig-format.md)), so their rows tell of the skin
around the eye alone.

"""


def page() -> str:
    """The page as Markdown."""
    basis = load_basis()
    with resources.files("visavis.portrait").joinpath("basis.npz").open("rb") as file, np.load(file) as stored:
        cosines, ratios, extents = (stored[f"measured_{kind}"] for kind in ("cosine", "ratio", "extent"))
    lines = ["| blendshape | cosine | ratio | extent | reach |", "|---|---|---|---|---|"]
    for index, name in enumerate(BLENDSHAPES[1:], start=1):
        reach = float(np.linalg.norm(basis.deltas[index, :, :2], axis=1).max()) / basis.width
        extent = "" if np.isnan(extents[index]) else f"{extents[index]:.2f}"
        lines.append(f"| {name} | {cosines[index]:.2f} | {ratios[index]:.2f} | {extent} | {100 * reach:.1f} |")
    sees = ratios[1:] > 0.1
    lines += [
        "",
        f"Median over the {int(sees.sum())} shapes with a ratio above 0.1: cosine {np.median(cosines[1:][sees]):.2f}, ",
    ]
    lines[-1] += f"ratio {np.median(ratios[1:][sees]):.2f}."
    return _HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    with replacing(Path(sys.argv[1])) as temporary:
        temporary.write_text(page(), encoding="utf-8")
