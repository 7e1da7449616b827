"""The few frozen types that carry everything from one stage to the next.

    Frame -> Face -> Reading -> Expression -> (pixels)

Conventions, everywhere in Visavis:

- images are RGB, uint8, shape (H, W, 3), C-contiguous;
- pixel coordinates have x to the right and y down, the centre of the top left pixel is (0, 0);
- boxes are float32 `x0, y0, x1, y1` in pixels of the picture they were found in;
- left and right are the *subject's* own;
- times are monotonic seconds, stamped when the picture was taken.

This module holds no vendor code and imports nothing of ours.
"""

from __future__ import annotations

from visavis.types.arrays import Float32, Image, check_image
from visavis.types.emotion import CIRCUMPLEX, EMOTIONS, UNSURE, Emotion, Reason
from visavis.types.expression import BLENDSHAPE_INDEX, BLENDSHAPES, Expression
from visavis.types.face import MESH_POINTS, Face, Frame, head_angles, upright
from visavis.types.reading import Reading, Snapshot

__all__ = [
    "BLENDSHAPES",
    "BLENDSHAPE_INDEX",
    "CIRCUMPLEX",
    "EMOTIONS",
    "MESH_POINTS",
    "UNSURE",
    "Emotion",
    "Expression",
    "Face",
    "Float32",
    "Frame",
    "Image",
    "Reading",
    "Reason",
    "Snapshot",
    "check_image",
    "head_angles",
    "upright",
]
