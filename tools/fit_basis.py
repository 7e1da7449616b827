"""Fit `basis.npz`: what each of the 52 blendshapes does to the 478 points of the face mesh, in centimetres.

    python tools/fit_basis.py --shared ../shared --out src/visavis/portrait/basis.npz

1. MediaPipe's canonical face (468 points, read out of `face_landmarker.task`) is carried onto ICT-FaceKit's neutral
   head: a thin-plate spline through the 68 iBUG points that both have (along the lips: the places at the same share of
   their length), then the nearest point of the same part of the skin.
2. ICT's expression shapes are read there and brought back to the canonical frame: smooth, complete, of one even hand.
   The lips of an opened jaw are rounded as measured ones are (`_OPEN_LIPS`).
3. Faces in videos are measured: landmarks freed of pose, the clip's own mean taken away, and regressed (ridge) on the
   blendshape scores over all clips at once. Cosine and ratio of the two are printed, and kept beside the shapes.
4. How far measured faces go is read off their strongest frames, counted from each face at rest: `extent` is their
   motion along the carried shape for one unit of score. Where they go clearly further than ICT's, or the landmarker
   sees painted faces move by less than they do, the shape is enlarged within the measured range (`_GAINS`). What else
   moves in those frames, and ICT keeps apart, goes with it (`_COMPANIONS`).

Sources: ICT-FaceKit (Li et al., 2020, MIT licence); MediaPipe Face Landmarker (Apache-2.0).
"""

from __future__ import annotations

import argparse
import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from visavis.assets import AssetStore
from visavis.faces import Landmarker
from visavis.files import replacing
from visavis.portrait.pose import rigid_similarity, similarity
from visavis.portrait.topology import (
    EYES,
    IBUG_68,
    IRISES,
    LIP_INNER_LOWER,
    LIP_INNER_UPPER,
    LIP_LOWER,
    LIP_OUTER_LOWER,
    LIP_OUTER_UPPER,
    LIP_UPPER,
    MESH_POINTS,
)
from visavis.sources import open_source
from visavis.types import BLENDSHAPES, upright

Array = NDArray[np.float64]

_FACE_SKIN: Final = 9409  # ICT's first 9,409 vertices are the skin of the face
_RIDGE: Final = 3.0
#: How much of ICT's raised cheek goes with a squint of the cheek; all of it would fold the skin below the eye.
_RAISED_CHEEK: Final = 0.3
#: By how much shapes are enlarged. A full weight is the most that a face does: measured brows rise 1.2 to 1.5 times as
#: far as ICT's for a full score, lids narrow 1.5 times as far, jaws open 1.1 times. Of painted brows and lips the
#: landmarker sees two thirds of what they do.
_GAINS: Final = {
    "browInnerUp": 2.3,
    "browOuterUp": 1.29,
    "browDown": 2.3,
    "eyeSquint": 1.5,
    "eyeWide": 1.4,
    "jawOpen": 1.12,
    "mouthFrown": 2.1,
    "mouthPucker": 1.85,
    "mouthSmile": 1.2,
}
#: What goes with a shape, as shares of others after their own gains. In the strongest measured frames a brow is raised
#: as a whole, the eye under it opens by four tenths of its aperture, and the skin below the eye sinks by .024 of the
#: face's width; a raised outer brow takes the inner end along, which its lowering muscle lets go.
_COMPANIONS: Final[Mapping[str, Mapping[str, float]]] = {
    "browInnerUp": {"browOuterUp": 0.2, "eyeWide": 0.6, "cheekSquint": -0.45},
    "browOuterUp": {"browDown": -0.25, "eyeWide": 0.75, "cheekSquint": -0.35},
}
#: How the lips of an opened jaw depart from ICT's, which draw a wedge: inwards and down, from the corner of the mouth
#: to the middle of a lip, as shares of how far the middle of the lower one goes. Medians of the seven videos in
#: which jaws open wide, smoothed by hand; all frames together (`print_open_lips`) say as much of the lip, and half of
#: the corners. The upper lip goes with the corners alone.
_OPEN_LIPS: Final = (
    (
        LIP_LOWER,
        (LIP_OUTER_LOWER, LIP_INNER_LOWER),
        (0.07, 0.035, 0.01, -0.025, -0.025, 0),
        (0.065, 0.02, 0.03, 0.04, 0.02, 0),
    ),
    (LIP_UPPER, (LIP_OUTER_UPPER, LIP_INNER_UPPER), (0.07, 0.035, 0.01, 0, 0, 0), (0.065, 0.05, 0.02, 0, 0, 0)),
)
#: The skin goes along with them as far away as this, in centimetres.
_AROUND_LIPS: Final = 1.2
#: The edges of the lips on the mesh, and the iBUG points along them.
_LIPS: Final = (
    (LIP_OUTER_UPPER, range(48, 55)),
    (LIP_OUTER_LOWER, (48, *range(59, 53, -1))),
    (LIP_INNER_UPPER, range(60, 65)),
    (LIP_INNER_LOWER, (60, 67, 66, 65, 64)),
)
#: The share of a clip's frames, those with the least expression, whose median face is taken for the face at rest.
_RESTING: Final = 0.1
#: From this rise of its score on a jaw is wide open.
_OPEN_JAW: Final = 0.45


def canonical_face(task: Path) -> tuple[Array, Array]:
    """MediaPipe's canonical face out of the geometry file within `face_landmarker.task`.

    Returns (468, 3) points in centimetres and (468, 3) unit normals that point out of the face.
    """
    with zipfile.ZipFile(task) as archive:
        data = archive.read("geometry_pipeline_metadata_landmarks.binarypb")
    # The message Mesh3d, unpacked: float32 vertices (x, y, z, u, v) each behind the tag 0x1D (field 3), then the
    # corners of triangles as varints behind the tag 0x20 (field 4).
    values, corners = [], []
    position = data.index(b"\x1d")
    while data[position] == 0x1D:
        values.append(struct.unpack_from("<f", data, position + 1)[0])
        position += 5
    while data[position] == 0x20:
        low, position = data[position + 1], position + 2
        if low >= 128:
            low, position = low - 128 + 128 * data[position], position + 1
        corners.append(low)
    vertices = np.array(values).reshape(-1, 5)[:, :3]
    if vertices.shape != (MESH_POINTS, 3) or len(corners) % 3:
        raise SystemExit(f"{task}: the canonical face has {len(vertices)} points, {MESH_POINTS} were expected")
    triangles = vertices[np.array(corners).reshape(-1, 3)]
    facets = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, np.array(corners)[corner::3], facets)
    normals *= np.sign(normals[4, 2])  # the tip of the nose faces the viewer
    return vertices, normals / np.linalg.norm(normals, axis=1, keepdims=True)


def ict_shape(name: str, shapes: dict[str, Array]) -> Array:
    """ICT's displacements for one of our blendshapes; those without a side are the sum of both sides."""
    if name == "_neutral":
        return np.zeros_like(next(iter(shapes.values())))
    for ours, theirs in (("Left", "_L"), ("Right", "_R")):
        if name.endswith(ours) and name[: -len(ours)] + theirs in shapes:
            shape = shapes[name[: -len(ours)] + theirs]
            if name.startswith("cheekSquint"):  # ICT keeps the raised cheek apart from the narrowed lids
                shape = shape + _RAISED_CHEEK * shapes[f"cheekRaiser{theirs}"]
            return shape
    if name in shapes:
        return shapes[name]
    return shapes[f"{name}_L"] + shapes[f"{name}_R"]


def marked_places(canonical: Array, marks: Array) -> Array:
    """Where ICT's 68 marks lie on the canonical face, (68, 3).

    Marks between the corners of the mouth have no points of the mesh: each lies at the same share of the way from
    corner to corner. At the nearest points instead, an open mouth would be a wedge.
    """
    places = canonical[list(IBUG_68)]
    for line, own in _LIPS:
        share, along = marks[list(own), 0], canonical[list(line), 0]
        share, along = ((x - x[0]) / (x[-1] - x[0]) for x in (share, along))
        places[list(own)] = np.stack([np.interp(share, along, values) for values in canonical[list(line)].T], axis=1)
    return places


def carry(canonical: Array, ict: Path, indices: Path) -> Array:
    """ICT's shapes on the canonical mesh, (52, 468, 3) in the canonical frame."""
    stored = np.load(ict)
    skin = stored["neutral"][:_FACE_SKIN].astype(float)
    deltas = stored["deltas"][:, :_FACE_SKIN].astype(float)
    shapes = {str(name): delta for name, delta in zip(stored["names"], deltas, strict=True)}
    marks = skin[json.loads(indices.read_text())["idx_to_landmark_verts"]]

    places = marked_places(canonical, marks)
    onto = RBFInterpolator(places, marks, kernel="thin_plate_spline", smoothing=0.01)
    placed = onto(canonical)
    # The two lips, and the two lids, lie close together and move apart: each point looks on its own side only.
    sides = [
        (LIP_LOWER, LIP_UPPER, np.linalg.norm(shapes["jawOpen"], axis=1), 1.2),
        *(
            (upper[1:-1], lower[1:-1], np.linalg.norm(shapes[f"eyeBlink_{side[0]}"], axis=1), 0.5)
            for side, (upper, lower) in EYES.items()
        ),
    ]
    allowed: dict[int, NDArray[np.bool_]] = {}
    for moving, still, reach, threshold in sides:
        allowed |= dict.fromkeys(moving, reach > threshold) | dict.fromkeys(still, reach <= threshold)
    everything = np.ones(len(skin), bool)
    trees: dict[bytes, tuple[cKDTree, NDArray[np.intp]]] = {}
    weights = np.zeros((MESH_POINTS, len(skin)))
    for point in range(MESH_POINTS):
        mask = allowed.get(point, everything)
        key = mask.tobytes()
        if key not in trees:
            members = np.flatnonzero(mask)
            trees[key] = cKDTree(skin[members]), members
        tree, members = trees[key]
        distance, nearest = tree.query(placed[point], k=6)
        nearness = 1 / (distance + 0.05) ** 2
        weights[point, members[nearest]] = nearness / nearness.sum()

    rotation, scale, _ = similarity(marks, places)
    whole = {
        name: _GAINS.get(_without_side(name), 1.0) * (weights @ ict_shape(name, shapes)) @ rotation.T * scale
        for name in BLENDSHAPES
    }
    whole["jawOpen"] = whole["jawOpen"] + _departure_of_open_lips(canonical, whole["jawOpen"])
    return np.stack([shape + sum(_companions(name, whole)) for name, shape in whole.items()])


def _departure_of_open_lips(canonical: Array, jaw: Array) -> Array:
    """What is missing of an opened jaw (468, 3) for the lips to open as measured ones do (`_OPEN_LIPS`)."""
    departure, plane = np.zeros_like(jaw), canonical[:, :2]
    far = -jaw[LIP_INNER_LOWER[5], 1]
    cut = plane[[LIP_INNER_UPPER[5], LIP_INNER_LOWER[5]], 1].mean()
    edges = np.array([LIP_INNER_LOWER, LIP_OUTER_LOWER, LIP_INNER_UPPER, LIP_OUTER_UPPER]).ravel()
    away = np.linalg.norm(plane[:, None] - plane[edges], axis=2).min(axis=1)
    still = np.flatnonzero(away > _AROUND_LIPS)
    for (lip, lines, inward, down), (other, *_) in zip(_OPEN_LIPS, reversed(_OPEN_LIPS), strict=True):
        moved = {}
        for line in lines:
            for index, point in enumerate(line):
                step = min(index, 10 - index)
                moved[point] = far * np.array([inward[step] * np.sign(5 - index), -down[step], 0])
        places, values = plane[[*moved, *still]], np.array([*moved.values(), *np.zeros((len(still), 3))])
        spread = RBFInterpolator(places, values, kernel="thin_plate_spline", smoothing=1e-3)(plane)
        # The corners, which neither list has, and the rest of the skin go with the lip on their side of the cut.
        own = (plane[:, 1] < cut) == (lip is LIP_LOWER)
        own[list(lip)], own[list(other)] = True, False
        departure[own] = spread[own]
    return departure


def _companions(name: str, shapes: Mapping[str, Array]) -> Iterator[Array]:
    """What goes with a blendshape: on its own side, or on both if it has none."""
    plain = _without_side(name)
    sides = [name.removeprefix(plain)] if name != plain else ["Left", "Right"]
    for other, share in _COMPANIONS.get(plain, {}).items():
        for side in sides:
            yield share * shapes[other + side]


def _without_side(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")


@dataclass(frozen=True, slots=True)
class Measured:
    """Faces of the videos, freed of pose, in the canonical frame; N frames over all clips.

    Attributes:
        scores, moves: (N, 52) and (N, 478, 3) centimetres, less their clip's mean.
        risen, strayed: the same, less their clip's face at rest.
    """

    scores: Array
    moves: Array
    risen: Array
    strayed: Array

    def basis(self) -> Array:
        """Ridge regression of the moves on the scores: (52, 478, 3) centimetres for a score of 1."""
        normal = self.scores.T @ self.scores + _RIDGE * np.eye(self.scores.shape[1])
        flat = np.linalg.solve(normal, self.scores.T @ self.moves.reshape(len(self.moves), -1))
        return np.asarray(flat.reshape(self.scores.shape[1], -1, 3), np.float64)

    def reach(self, width: float) -> Array:
        """How far each point strays from the face at rest in 99 of 100 frames, (478,) in face widths."""
        return np.asarray(np.percentile(np.linalg.norm(self.strayed[:, :, :2], axis=2), 99, axis=0) / width)

    def extent(self, index: int, shape: Array) -> float:
        """How far the strongest frames of a score go along a (468, 3) shape, for a score of 1; NaN if it never rose."""
        rise = self.risen[:, index]
        strong = rise >= max(float(np.quantile(rise, 0.99)), 0.25)
        flat = shape[:, :2]
        most = np.argsort(np.linalg.norm(flat, axis=1))[-40:]
        if not strong.any() or not flat.any():
            return float("nan")
        along = (self.strayed[strong][:, most, :2] * flat[most]).sum(axis=(1, 2)) / (flat[most] ** 2).sum()
        return float(np.median(along / rise[strong]))


def measure(canonical: Array, clips: list[Path]) -> Measured:
    """Landmarks freed of pose, and blendshape scores, of every face in the clips."""
    parts: list[tuple[Array, Array, Array, Array]] = []
    active = [index for index, name in enumerate(BLENDSHAPES) if index and not name.startswith("eyeLook")]
    for clip in clips:
        rows, shapes = [], []
        with open_source(str(clip)) as source, Landmarker(AssetStore(), mode="video") as landmarker:
            while (frame := source.read()) is not None:
                for face in landmarker.detect(frame.image, frame.time_s):
                    assert face.landmarks is not None
                    assert face.blendshapes is not None
                    points = upright(face.landmarks)
                    rotation, scale, shift = rigid_similarity(points, canonical)
                    rows.append(points @ rotation.T * scale + shift)
                    shapes.append(face.blendshapes)
        if len(rows) < 30:
            continue
        scores, points = np.array(shapes, float), np.array(rows)
        shown = scores[:, active].sum(axis=1)
        still = shown <= np.quantile(shown, _RESTING)
        rest, face_at_rest = np.median(scores[still], axis=0), np.median(points[still], axis=0)
        parts.append((scores - scores.mean(axis=0), points - points.mean(axis=0), scores - rest, points - face_at_rest))
        print(f"{clip.stem}: {len(rows)} faces")
    return Measured(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def print_open_lips(jaw: Array, faces: Measured) -> None:
    """How the lips go as a jaw (468, 3) opens, beside how they do in measured frames: inwards and down.

    The mean of both sides, as shares of how far the middle of the lower lip goes, from the corner to the middle;
    frames whose mouth smiles or puckers are left out.
    """
    risen = {name: faces.risen[:, BLENDSHAPES.index(name)] for name in ("jawOpen", "mouthSmileLeft", "mouthPucker")}
    wide = (risen["jawOpen"] > _OPEN_JAW) & (risen["mouthSmileLeft"] < 0.3) & (risen["mouthPucker"] < 0.3)
    measured = faces.strayed[wide]
    print(f"lips of open jaws, carried and measured in {wide.sum()} frames: inwards, down")
    for label, line in (("upper", LIP_INNER_UPPER), ("lower", LIP_INNER_LOWER)):
        shares = []
        for moves in (jaw[None], measured):
            path = np.median(moves[:, list(line), :2] / -moves[:, LIP_INNER_LOWER[5], 1, None, None], axis=0)
            shares += [(path[:6, 0] - path[:4:-1, 0]) / 2, -(path[:6, 1] + path[:4:-1, 1]) / 2]
        for index, (inward, down, seen_inward, seen_down) in enumerate(zip(*shares, strict=True)):
            print(f"{label} {index}: {inward:6.3f} {down:6.3f}   {seen_inward:6.3f} {seen_down:6.3f}")


def main() -> None:
    """Fit, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, default=Path("src/visavis/portrait/basis.npz"))
    arguments = parser.parse_args()
    data = arguments.shared / "data"

    canonical, normals = canonical_face(AssetStore().path("face-landmarker"))
    carried = carry(
        canonical, data / "ict-facekit" / "ict_expressions.npz", data / "ict-facekit" / "vertex_indices.json"
    )
    faces = measure(canonical, sorted((data / "clips").glob("*.mp4")))
    measured, spread = faces.basis(), faces.scores.std(axis=0)

    cosines = np.zeros(len(BLENDSHAPES))
    ratios = np.zeros(len(BLENDSHAPES))
    extents = np.full(len(BLENDSHAPES), np.nan)
    print(f"{'blendshape':22} {'spread':>7} {'cosine':>7} {'ratio':>7} {'extent':>7}")
    for index, name in enumerate(BLENDSHAPES[1:], start=1):
        ours, theirs = carried[index, :, :2].ravel(), measured[index, :MESH_POINTS, :2].ravel()
        cosines[index] = ours @ theirs / (np.linalg.norm(ours) * np.linalg.norm(theirs) + 1e-9)
        ratios[index] = np.linalg.norm(theirs) / (np.linalg.norm(ours) + 1e-9)
        extents[index] = faces.extent(index, carried[index])
        print(f"{name:22} {spread[index]:7.3f} {cosines[index]:7.2f} {ratios[index]:7.2f} {extents[index]:7.2f}")

    print_open_lips(carried[BLENDSHAPES.index("jawOpen")], faces)

    neutral = np.zeros((478, 3))
    neutral[:MESH_POINTS] = canonical
    for side, points in IRISES.items():
        upper, lower = EYES[side]
        neutral[list(points)] = canonical[[*upper, *lower]].mean(axis=0)
    outward = np.tile(np.array([0.0, 0.0, 1.0]), (478, 1))
    outward[:MESH_POINTS] = normals
    deltas = np.zeros((len(BLENDSHAPES), 478, 3))
    deltas[:, :MESH_POINTS] = carried
    with replacing(arguments.out) as temporary:
        np.savez_compressed(
            temporary,
            names=np.array(BLENDSHAPES),
            neutral=neutral.astype(np.float32),
            normals=outward.astype(np.float32),
            deltas=deltas.astype(np.float32),
            measured_cosine=cosines.astype(np.float32),
            measured_ratio=ratios.astype(np.float32),
            measured_extent=extents.astype(np.float32),
            reach=faces.reach(float(np.ptp(canonical[:, 0]))).astype(np.float32),
        )


if __name__ == "__main__":
    main()
