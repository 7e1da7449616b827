"""How a face stands in a picture: the similarity that lays one face on another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.topology import RIGID

__all__ = ["rigid_similarity", "similarity"]

Array = NDArray[np.float64]


def rigid_similarity(source: NDArray[Any], target: NDArray[Any]) -> tuple[Array, float, Array]:
    """The `similarity` of two faces by the points that expressions hardly move.

    Args:
        source: (468 or more, D) points of the mesh.
        target: as many.

    >>> face = np.arange(1404.0).reshape(468, 3) ** 0.5
    >>> _, s, t = rigid_similarity(face, 2 * face + 1)
    >>> round(s, 6), t.round(6).tolist()
    (2.0, [1.0, 1.0, 1.0])
    """
    rigid = list(RIGID)
    return similarity(source[rigid], target[rigid])


def similarity(source: NDArray[Any], target: NDArray[Any]) -> tuple[Array, float, Array]:
    """The rotation R, scale s and shift t that bring `source` nearest to `target`: s R x + t, least squares.

    Args:
        source: (N, D) points.
        target: (N, D) points.

    Returns:
        R (D, D) with determinant +1, s > 0, t (D,).

    >>> R, s, t = similarity(np.eye(3), np.eye(3) * 2)
    >>> round(s, 6)
    2.0

    Source: Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    a, b = source.astype(np.float64), target.astype(np.float64)
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    centred_a, centred_b = a - mean_a, b - mean_b
    u, singular, vt = np.linalg.svd(centred_b.T @ centred_a)
    flip = np.ones(len(singular))
    flip[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * flip) @ vt
    scale = float((singular * flip).sum() / (centred_a**2).sum())
    return rotation, scale, mean_b - scale * rotation @ mean_a
