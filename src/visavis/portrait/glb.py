"""A rig as glTF 2.0, for any engine: a painting with morph targets that bear ARKit's names.

    write_glb("portrait.glb", rig)

One mesh, `Portrait`, has a primitive for each layer of the rig, in this order: the cavity of the mouth with lower teeth
and tongue, the upper teeth, for each eye its white and its iris, the face (cut open between the lids), the lower and
the upper lip, and the part of the painting that breathes; their depths tell what lies before what, and what breathes
lies behind the others. All share the targets: the 51 blendshapes that move something, one degree of `swayYaw`,
`swayPitch` and `swayRoll`, and `breath`. The whole painting hangs behind as a second mesh. The painting is 1 unit high,
its middle at the origin, x to the right, y up, z towards the viewer; materials are unlit, since a painting brings its
own light.

Morph targets add up linearly, so this form has no creases, and lids that two blendshapes move at once move by the sum.

Source: Khronos Group, glTF 2.0 specification, and the extension KHR_materials_unlit.
"""

from __future__ import annotations

import io
import json
import os
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.files import printable, replacing
from visavis.portrait.cutmesh import CutMesh, grid_mesh
from visavis.portrait.easing import smooth_step
from visavis.portrait.eyes import Eye
from visavis.portrait.fields import Grid
from visavis.portrait.lids import lid_positions
from visavis.portrait.motions import MOTIONS, motion_weights
from visavis.portrait.rig import Rig
from visavis.types import BLENDSHAPES, Expression, Float32

__all__ = ["TARGETS", "export_glb", "write_glb"]

Array = NDArray[np.float64]

#: Names of the morph targets, in order: the blendshapes without `_neutral`, which moves nothing, then sways and breath.
TARGETS: Final = MOTIONS[1:]

#: Distances of the layers from the painting's plane, in painting heights.
_BEHIND: Final = {
    "painting": -0.008,
    "body": -0.006,
    "cavity": -0.004,
    "white": -0.004,
    "teeth": -0.003,
    "iris": -0.003,
}
_IN_FRONT: Final = {"face": 0.0, "lower": 0.0004, "upper": 0.0008, "lid": 0.0004}
#: Movements of less than this many pixels are left out.
_LEAST_PX: Final = 0.01

# Of the glTF specification.
_FLOAT, _UNSIGNED_INT = 5126, 5125
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_LINEAR, _LINEAR_MIPMAP_LINEAR, _CLAMP_TO_EDGE = 9729, 9987, 33071


def write_glb(path: str | os.PathLike[str], rig: Rig, *, expression: Expression | None = None, title: str = "") -> None:
    """Write a rig as a binary glTF file, whole or not at all; see `export_glb`.

    Raises:
        OutputError: the file cannot be written.
    """
    data = export_glb(rig, expression=expression, title=title)
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def export_glb(rig: Rig, *, expression: Expression | None = None, title: str = "") -> bytes:
    """A rig as binary glTF; the same rig gives the same bytes.

    Args:
        rig: what is exported.
        expression: what the portrait shows until it is told otherwise; None for the painting at rest.
        title: name of the scene.
    """
    return _Export(rig).file(expression or Expression(), title)


class _Export:
    """The glTF document of one rig, as it grows."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.height, self.width = rig.painting.shape[:2]
        self.binary = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.materials: list[dict[str, Any]] = []

    def file(self, expression: Expression, title: str) -> bytes:
        rig, mouth = self.rig, self.rig.mouth
        painting = self.material("painting", rig.painting)
        primitives = [
            self.primitive(
                _moved_by(_sheet(mouth.grid.box), mouth.jaw),
                self.material("cavity", mouth.cavity),
                _BEHIND["cavity"],
                mouth.grid.box,
            ),
            self.primitive(
                _moved_by(_sheet(mouth.grid.box), mouth.skull),
                self.material("teeth", mouth.upper_teeth),
                _BEHIND["teeth"],
                mouth.grid.box,
            ),
        ]
        for eye in rig.eyes:
            rows, columns = rig.grid.part(eye.box)
            ball = grid_mesh(rig.grid.crop(rows, columns), rig.fields[:, rows, columns])
            white, iris = self.material(f"white{eye.side}", eye.white), self.material(f"iris{eye.side}", eye.iris)
            primitives.append(self.primitive(ball, white, _BEHIND["white"], eye.box))
            primitives.append(self.primitive(_moved_by(ball, eye.gaze), iris, _BEHIND["iris"], eye.box))
        everything = (0, 0, self.width, self.height)
        face, raised = _face(rig)
        primitives.append(self.primitive(face, painting, _IN_FRONT["face"], everything, raised=raised))
        for layer, fields, side in (("lower", mouth.lower, 1.0), ("upper", mouth.upper, -1.0)):
            primitives.append(self.primitive(_lip(rig, fields, side), painting, _IN_FRONT[layer], everything))

        primitives.append(self.primitive(_body(rig), painting, _BEHIND["body"], everything))

        back = self.primitive(_sheet(everything), painting, _BEHIND["painting"], everything, still=True)
        document = {
            "asset": {"version": "2.0", "generator": "Visavis"},
            "extensionsUsed": ["KHR_materials_unlit"],
            "scene": 0,
            "scenes": [{"name": printable(title) or "Portrait", "nodes": [0, 1]}],
            "nodes": [{"name": "Painting", "mesh": 0}, {"name": "Portrait", "mesh": 1}],
            "meshes": [
                {"name": "Painting", "primitives": [back]},
                {
                    "name": "Portrait",
                    "primitives": primitives,
                    "weights": [float(weight) for weight in motion_weights(expression, rig.largest_sway)[1:]],
                    "extras": {
                        "targetNames": list(TARGETS),
                        # Degrees that the paint bears; beyond them it folds.
                        "largestSway": [round(float(angle), 2) for angle in rig.largest_sway],
                    },
                },
            ],
            "materials": self.materials,
            "textures": [{"source": index, "sampler": 0} for index in range(len(self.images))],
            "images": self.images,
            "samplers": [
                {
                    "magFilter": _LINEAR,
                    "minFilter": _LINEAR_MIPMAP_LINEAR,
                    "wrapS": _CLAMP_TO_EDGE,
                    "wrapT": _CLAMP_TO_EDGE,
                }
            ],
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": len(self.binary)}],
        }
        return _container(document, bytes(self.binary))

    def material(self, name: str, picture: NDArray[np.uint8]) -> int:
        """A picture, (h, w, 3) or with coverage (h, w, 4), as an unlit material."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG", compress_level=6)
        self.images.append({"name": name, "mimeType": "image/png", "bufferView": self.view(buffer.getvalue())})
        self.materials.append(
            {
                "name": name,
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": len(self.images) - 1},
                    "metallicFactor": 0,
                    "roughnessFactor": 1,
                },
                "alphaMode": "BLEND" if picture.shape[2] == 4 else "OPAQUE",
                "extensions": {"KHR_materials_unlit": {}},
            }
        )
        return len(self.materials) - 1

    def primitive(
        self,
        mesh: CutMesh,
        material: int,
        depth: float,
        box: tuple[int, int, int, int],
        *,
        raised: Float32 | None = None,
        still: bool = False,
    ) -> dict[str, Any]:
        """A mesh at a depth, its texture covering `box`; `raised` (N, K) brings corners forward as they move."""
        x0, y0, x1, y1 = box
        edge = (0, 0) if still else (0.5, 0.5)  # the middle of a pixel; the backing goes to the painting's very edge
        texture = (mesh.places - (x0, y0) + edge) / (x1 - x0, y1 - y0)
        middle = np.array([self.width, self.height]) / 2 - edge
        flat = (mesh.places - middle) * (1, -1) / self.height
        positions = np.concatenate([flat, np.full((len(flat), 1), depth)], axis=1).astype(np.float32)
        attributes = {
            "POSITION": self.accessor(positions, "VEC3", bounds=True),
            "TEXCOORD_0": self.accessor(texture.astype(np.float32), "VEC2"),
        }
        primitive: dict[str, Any] = {
            "attributes": attributes,
            "indices": self.accessor(mesh.triangles.astype(np.uint32).reshape(-1), "SCALAR"),
            "material": material,
        }
        if still:
            return primitive
        primitive["targets"] = []
        for motion in range(1, len(MOTIONS)):
            delta = np.zeros((len(positions), 3), np.float32)
            moved = np.where(np.abs(mesh.moves[:, motion]) < _LEAST_PX, 0, mesh.moves[:, motion])
            delta[:, :2] = moved * (1, -1) / self.height
            if raised is not None:
                delta[:, 2] = raised[:, motion]
            primitive["targets"].append({"POSITION": self.target(delta)})
        return primitive

    def accessor(self, values: NDArray[Any], kind: str, *, bounds: bool = False) -> int:
        is_index = kind == "SCALAR"
        accessor: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), _ELEMENT_ARRAY_BUFFER if is_index else _ARRAY_BUFFER),
            "componentType": _UNSIGNED_INT if is_index else _FLOAT,
            "count": len(values),
            "type": kind,
        }
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def target(self, delta: Float32) -> int:
        """What one motion adds to the corners, (N, 3); only corners that move are stored."""
        moving = np.flatnonzero(delta.any(axis=1))
        if len(moving) > 0.7 * len(delta):
            return self.accessor(delta, "VEC3", bounds=True)
        accessor: dict[str, Any] = {
            "componentType": _FLOAT,
            "count": len(delta),
            "type": "VEC3",
            "min": delta.min(axis=0).tolist(),
            "max": delta.max(axis=0).tolist(),
        }
        if len(moving):
            accessor["sparse"] = {
                "count": len(moving),
                "indices": {
                    "bufferView": self.view(moving.astype(np.uint32).tobytes()),
                    "componentType": _UNSIGNED_INT,
                },
                "values": {"bufferView": self.view(delta[moving].tobytes())},
            }
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        self.binary.extend(bytes(-len(self.binary) % 4))
        view: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        self.binary.extend(data)
        self.views.append(view)
        return len(self.views) - 1


def _face(rig: Rig) -> tuple[CutMesh, Float32]:
    """The face without the mouth's box, open between the lids; and how far motions bring its corners forward."""
    mesh = grid_mesh(rig.grid, rig.fields)
    middles = mesh.places[mesh.triangles].mean(axis=1)
    x0, y0, x1, y1 = rig.mouth.grid.box
    # The lips lie over the border of the hole, so that no crack opens between them and the face.
    rim = 2 * rig.mouth.grid.step
    in_mouth = (middles > (x0 + rim, y0 + rim)).all(axis=1) & (middles < (x1 - rim, y1 - rim)).all(axis=1)
    mesh = mesh.without(in_mouth)
    for eye in rig.eyes:
        # The lids bend the skin between their borders; their edges are cut finer still.
        u, v, curves = _eye_frame(eye, mesh.places)
        bends = (v > curves[:, 2]) & (v < curves[:, 3]) & (np.abs(u / eye.width - 0.5) < 0.6)
        mesh = mesh.refined(_touching(mesh, bends))
        near = np.abs(_opening(eye, mesh.places)) < rig.grid.step
        mesh = mesh.refined(_touching(mesh, near))
        mesh = mesh.clipped(-_opening(eye, mesh.places))
    raised = np.zeros(mesh.moves.shape[:2], np.float32)
    moves = mesh.moves.copy()
    for eye in rig.eyes:
        lids, forward = _lid_moves(eye, mesh.places)
        moves += lids
        raised += forward
    return CutMesh(mesh.places, moves, mesh.triangles), raised


def _eye_frame(eye: Eye, places: Array) -> tuple[Array, Array, Array]:
    """Places in the eye's frame, `u` and `v`, and there (upper, lower, above, below), (N, 4)."""
    relative = places - eye.origin
    u, v = relative @ eye.axis.astype(np.float64), relative @ eye.down.astype(np.float64)
    at = eye.curve_position(u.astype(np.float32))
    samples = np.arange(len(eye.upper))
    curves = [np.interp(at, samples, curve) for curve in (eye.upper, eye.lower, eye.above, eye.below)]
    return u, v, np.stack(curves, axis=1)


def _opening(eye: Eye, places: Array) -> Array:
    """How far places lie within the opening between the lids, in pixels; negative on the skin."""
    u, v, curves = _eye_frame(eye, places)
    # The painted edge, with its lashes, belongs to the lid, as in the reference renderer.
    soft = eye.edge
    inside = np.minimum(v - curves[:, 0] - soft, curves[:, 1] - soft - v)
    return np.asarray(np.minimum(inside, np.minimum(u, eye.width - u)))


def _lid_moves(eye: Eye, places: Array) -> tuple[Float32, Float32]:
    """What each blendshape's lids add to the skin, (N, K, 2) pixels, and how far it comes forward, (N, K)."""
    _, v, curves = _eye_frame(eye, places)
    upper, lower, above, below = curves.T
    is_upper = v < (upper + lower) / 2
    span = np.where(is_upper, upper - above, lower - below)
    share = smooth_step((v - np.where(is_upper, above, below)) / np.where(np.abs(span) < 1e-3, 1e-3, span))
    at = eye.curve_position((places - eye.origin).astype(np.float32) @ eye.axis)
    samples = np.arange(len(eye.upper))
    moves = np.zeros((len(places), len(MOTIONS), 2), np.float32)
    forward = np.zeros((len(places), len(MOTIONS)), np.float32)
    for motion in range(1, len(BLENDSHAPES)):
        weights = np.zeros(len(MOTIONS), np.float32)
        weights[motion] = 1
        tops, bottoms = lid_positions(eye, weights)
        if max(np.abs(tops - eye.upper).max(), np.abs(bottoms - eye.lower).max()) < _LEAST_PX:
            continue
        down = np.where(is_upper, np.interp(at, samples, tops - eye.upper), np.interp(at, samples, bottoms - eye.lower))
        moves[:, motion] = (share * down)[:, None] * eye.down
        # Where the lids meet, the upper one lies over the lower.
        forward[:, motion] = np.where(is_upper & (share * down > _LEAST_PX), _IN_FRONT["lid"] * share, 0)
    return moves, forward


def _lip(rig: Rig, fields: Float32, side: float) -> CutMesh:
    """One layer of the mouth: all that lies on its side of the cut (1 below, -1 above), and the overlap."""
    line, grid = rig.mouth.line, rig.mouth.grid
    mesh = grid_mesh(grid, fields)
    near = np.abs(line.depth(mesh.places)) < 1.5 * grid.step
    mesh = mesh.refined(_touching(mesh, near))
    overlap = 1.5 * max(0.012 * line.width, 1.0)
    return mesh.clipped(side * line.depth(mesh.places) + overlap)


def _sheet(box: tuple[int, int, int, int]) -> CutMesh:
    """Two triangles over a box of the painting, which do not move by themselves."""
    mesh = grid_mesh(Grid(0, 0, 1, 2, 2), np.zeros((len(MOTIONS), 2, 2, 2), np.float32))
    x0, y0, x1, y1 = box
    return CutMesh(mesh.places * (x1 - x0, y1 - y0) + (x0, y0), mesh.moves, mesh.triangles)


def _body(rig: Rig) -> CutMesh:
    """What moves with the breath, beyond the face; the last motion."""
    grid = rig.body.grid
    moves = np.zeros((len(MOTIONS), grid.rows, grid.columns, 2), np.float32)
    moves[-1] = rig.body.field
    return grid_mesh(grid, moves)


def _touching(mesh: CutMesh, corners: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which triangles have one of the chosen corners, (T,)."""
    return np.asarray(corners[mesh.triangles].any(axis=1), np.bool_)


def _moved_by(mesh: CutMesh, shifts: Float32) -> CutMesh:
    """The mesh moved as a whole besides, by (K, 2) pixels."""
    return CutMesh(mesh.places, mesh.moves + shifts[None], mesh.triangles)


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """The binary form: a header, the JSON padded with spaces, the data padded with zeros."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    length = 12 + 8 + len(text) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, length),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(binary), b"BIN\0"),
            binary,
        ]
    )
