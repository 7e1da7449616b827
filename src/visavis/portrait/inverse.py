"""Where moved paint comes from: the inverse of a displacement field on the nodes of its grid.

A field says where paint goes: what is at `p` goes to `p + D(p)`. Rendering asks for each `x` which paint arrives there:
for the `s` with `s + D(s) = x`. It is asked for every frame, so it is written for few calls of long steps.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from visavis.types import Float32

__all__ = ["invert"]

#: Newton's steps are at most this long along each axis, in grid units: with longer ones nodes leap over folds and do
#: not come back, with shorter ones they need more rounds.
_LONGEST_STEP: Final = 2.0
#: Where paint folds over itself the determinant of the field's slope is 0 or less: it counts as no less than this.
_LEAST_DETERMINANT: Final = np.float32(0.25)
#: Rounds of Newton's method at most, of which the later are spent on nodes whose last step was longer than this, in
#: grid units. A raised brow is a tenth of a face away from where its paint was: from beyond the eye, steps are many.
_ROUNDS: Final = 7
_ROUNDS_OF_ALL: Final = 2
_ARRIVED: Final = np.float32(0.02)


def invert(displacement: Float32, step: int) -> Float32:
    """Where the paint comes from: R with `R(x) = s - x` for `s + D(s) = x`, on the nodes of the same grid.

    Newton's method with the field's own derivatives, from the start `s = x - D(x)`; where the field is steep the step
    is damped, so that folds stay bounded. After two rounds nearly all nodes have arrived; the rest goes on by itself.

    Args:
        displacement: (rows, columns, 2) float32 in pixels, or (N, rows, columns, 2): several fields of one shape cost
            less together than one after the other.
        step: pixels between two nodes.

    Returns:
        float32 of the same shape, in pixels.
    """
    import cv2

    fields = displacement.reshape(-1, *displacement.shape[-3:]) * np.float32(1 / step)  # as cv2.remap counts
    nodes = _lattice(*fields.shape[:3])
    u, v = cv2.split(_stacked(fields))
    samples = _samples(fields, u, v)
    x, y = nodes.x - u, nodes.y - v
    for _ in range(_ROUNDS_OF_ALL):
        step_x, step_y = _newton(samples, nodes, x, y)
        x += step_x
        y += step_y
    # What the last step still moved is not there yet, and goes on as columns of one.
    all_x, all_y = x.reshape(-1), y.reshape(-1)
    late = _late(step_x, step_y)
    few, few_x, few_y = nodes.some(late), all_x[late][:, None], all_y[late][:, None]
    for _ in range(_ROUNDS - _ROUNDS_OF_ALL):
        if not len(late):
            break
        step_x, step_y = _newton(samples, few, few_x, few_y)
        few_x += step_x
        few_y += step_y
        all_x[late], all_y[late] = few_x[:, 0], few_y[:, 0]
        left = _late(step_x, step_y)
        late, few, few_x, few_y = late[left], few.some(left), few_x[left], few_y[left]
    back = cv2.merge((cv2.subtract(x, nodes.x), cv2.subtract(y, nodes.y))).reshape(fields.shape)
    back *= np.float32(step)
    # A fold has no inverse: there the median keeps order.
    for one in back:
        cv2.medianBlur(one, 5, dst=one)
    return back.reshape(displacement.shape)


class _Nodes(NamedTuple):
    """Nodes of fields that lie one below the other, float32 of one shape each, in grid units.

    `first` and `last` are the rows between which a node's paint is looked for, so that beyond its border each field
    goes on as it ends; None of a single field, for which OpenCV does so.
    """

    x: Float32
    y: Float32
    first: Float32 | None
    last: Float32 | None

    def some(self, which: NDArray[np.intp]) -> _Nodes:
        """A column of those at some indices."""
        return _Nodes(*(part if part is None else part.reshape(-1)[which][:, None] for part in self))


class _Samples(NamedTuple):
    """What Newton's method looks up, (N * rows, columns, 4) float32 both.

    OpenCV samples four channels several times faster than any other number of them: the displacement comes twice.
    `unbent` is the inverse of the slope of `p + D(p)`, row by row, bounded where paint folds over itself.
    """

    displacement: Float32
    unbent: Float32


@lru_cache(maxsize=16)
def _lattice(count: int, rows: int, columns: int) -> _Nodes:
    """All nodes of some fields, not to be written to."""
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(count * rows, dtype=np.float32))
    if count == 1:
        return _Nodes(x, y, None, None)
    first = y - y % rows
    return _Nodes(x, y, first, first + (rows - 1))


def _stacked(fields: Float32) -> Float32:
    """(N, rows, columns, channels) one below the other."""
    return fields.reshape(-1, *fields.shape[2:])


def _samples(fields: Float32, u: Float32, v: Float32) -> _Samples:
    """For (N, rows, columns, 2) fields in grid units, and the same as two arrays one below the other."""
    import cv2

    slopes = []
    for order in ((1, 0), (0, 1)):
        slope = np.empty_like(fields)
        for field, one in zip(fields, slope, strict=True):
            cv2.Sobel(field, cv2.CV_32F, *order, dst=one, ksize=3, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
        slopes += cv2.split(_stacked(slope))
    a, c, b, d = slopes  # of the matrix (a b, c d)
    a += 1
    d += 1
    scale = a * d
    scale -= b * c
    np.maximum(scale, _LEAST_DETERMINANT, out=scale)
    np.divide(1, scale, out=scale)
    a *= scale
    d *= scale
    np.negative(scale, out=scale)
    b *= scale
    c *= scale
    return _Samples(cv2.merge((u, v, u, v)), cv2.merge((d, b, c, a)))


def _newton(samples: _Samples, nodes: _Nodes, x: Float32, y: Float32) -> tuple[Float32, Float32]:
    """One step towards the sources of some nodes, from a guess."""
    import cv2

    row = y if nodes.first is None else np.minimum(np.maximum(y, nodes.first), nodes.last)
    displacement, unbent = (
        cv2.remap(part, x, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in samples
    )
    a, b, c, d = (cv2.extractChannel(unbent, index) for index in range(4))
    miss_x, miss_y = nodes.x - x, nodes.y - y
    miss_x -= cv2.extractChannel(displacement, 0)
    miss_y -= cv2.extractChannel(displacement, 1)
    a *= miss_x
    b *= miss_y
    a += b
    c *= miss_x
    d *= miss_y
    c += d
    for step in (a, c):
        cv2.min(step, _LONGEST_STEP, dst=step)
        cv2.max(step, -_LONGEST_STEP, dst=step)
    return a, c


def _late(step_x: Float32, step_y: Float32) -> NDArray[np.intp]:
    """Indices of the nodes whose step was a long one."""
    return np.flatnonzero(np.maximum(np.abs(step_x), np.abs(step_y)) > _ARRIVED)
