"""The still-picture cascade: a detector proposes faces of every size, the landmarker confirms each on a close-up.

MediaPipe's own detector sees a picture in 128 x 128 pixels and misses faces under a tenth of it, so a small face, or
one in a large painting, needs somebody to point at it first. The mesh, in turn, lies down readily on a dog or a bodice
and says nothing of its doubts, so CenterFace takes a second look at every close-up, as a witness.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import TracebackType
from typing import Final

import numpy as np

from visavis.assets import AssetStore
from visavis.faces.boxes import iou
from visavis.faces.crop import eye_roll
from visavis.faces.detect import Detector, create_detector
from visavis.faces.landmarks import Landmarker, keypoints_of, landmark_box
from visavis.faces.patch import Patch, cut_patch
from visavis.faces.pyramid import PyramidDetector, merge_faces
from visavis.images import resize
from visavis.types import Face, Float32, Image, check_image

__all__ = ["FaceFinder", "find_faces"]

#: Close-ups tried one after the other: side in widths of the proposed box. The mesh model was trained on faces with a
#: margin; its detector prefers some faces further away.
_CLOSE_UPS: Final = (2.0, 2.8, 1.5)
_PATCH_SIZE: Final = 384
#: The mesh must cover the proposal at least so well; a mesh that slid onto a neighbour or a collar does not.
_MIN_AGREEMENT: Final = 0.4
#: What the witness sees: a close-up of two box widths at this size, in pixels, and the least confidence that it must
#: have in a face there. Of 258 faces found in photographs and paintings the false ones reached 0.07 (one 0.22), the
#: true ones 0.21 and more.
_WITNESS_SIZE: Final = 224
_WITNESS_SCORE: Final = 0.2
#: A picture that lies on its side is rare; what is found in it must be surer, and larger: so much of the shorter side.
_WITNESS_SCORE_TURNED: Final = 0.5
_MIN_SHARE_TURNED: Final = 0.08
#: A face without landmarks has only the detector's word for it, so that word must be stronger: hands and sleeves in
#: paintings reach 0.76.
_MIN_SCORE_ALONE: Final = 0.8
#: Close-ups for telling whether a mesh stands on its head: side in widths of the face, and tilt in radians.
_TILTED_CLOSE_UPS: Final = ((2.0, 0.0), (2.0, 0.2), (2.0, -0.2), (2.5, 0.1), (1.7, -0.1))
#: Between them meshes on their heads, of 28 in turned paintings, wandered by 0.014 widths and more, true ones by 0.007
#: and less but for one profile; turned round, those on their heads wandered at most half as far.
_STEADY: Final = 0.01
_STEADIER: Final = 0.6


class FaceFinder:
    """Finds faces with landmarks in still pictures; keeps its models open from picture to picture.

    One object for one thread.

    >>> with FaceFinder(AssetStore()) as finder:                     # doctest: +SKIP
    ...     sitter = finder.find(painting)[0]

    Args:
        assets: where the models come from.
        detector: what proposes faces, by name; None for YuNet where its file is at hand, else CenterFace.
        min_score: proposals below this confidence in [0, 1] are left out.
        min_side: faces with a shorter box side, in pixels, are left out.
        max_side: the longest side, in pixels, at which the picture is searched; more finds smaller faces in larger
            pictures, and takes time in proportion to its square.
        require_landmarks: leave out faces on which no landmarks could be laid (profiles, blur); otherwise those that
            the detector is sure of come with `landmarks`, `blendshapes` and `pose` None.
        rotate: when nothing is found, look again with the picture turned by 90, 270 and 180 degrees.
    """

    def __init__(
        self,
        assets: AssetStore,
        *,
        detector: str | None = None,
        min_score: float = 0.6,
        min_side: float = 16.0,
        max_side: int = 1280,
        require_landmarks: bool = True,
        rotate: bool = True,
    ) -> None:
        self._assets = assets
        self._detector_name = detector
        self._min_score = min_score
        self._min_side = min_side
        self._max_side = max_side
        self._require_landmarks = require_landmarks
        self._rotate = rotate
        self._proposer: Detector | None = None
        self._witness = create_detector("centerface", assets=assets, min_score=_WITNESS_SCORE, max_side=_WITNESS_SIZE)
        self._landmarker = Landmarker(assets, mode="image", max_faces=1, min_detection=0.3, min_presence=0.5)

    def find(self, image: Image) -> tuple[Face, ...]:
        """Find the faces of (H, W, 3) uint8 RGB, the biggest first.

        Raises:
            AssetError: a model is missing, cannot be fetched, or has the wrong hash.
            ModelError: a model cannot be used.
            ValueError: `image` has another shape or dtype.
        """
        check_image(image)
        faces = self._confirmed(image, self._proposals(image))
        if faces or not self._rotate:
            return faces
        return self._turned(image)

    def landmarks_on(self, image: Image, face: Face) -> Face | None:
        """Lay landmarks on a face that a detector found; None when no mesh agrees with its box.

        Raises:
            AssetError, ModelError, ValueError: as for `find`.
        """
        check_image(image)
        return self._confirm(image, face)

    def righted(self, image: Image, face: Face) -> Face:
        """The face itself, or the right way up where its mesh stands on its head.

        On a picture that lies on its side or upside down the mesh may lie with its eyes over the mouth. Such a mesh
        is unsteady: laid anew on close-ups that are a little turned it comes to lie elsewhere, and the true one stays.
        Takes a few tens of milliseconds, so it is for one sitter rather than for a crowd.

        Args:
            image: (H, W, 3) uint8 RGB.
            face: with landmarks, as found in it.

        Raises:
            AssetError, ModelError, ValueError: as for `find`.
        """
        check_image(image)
        wander = self._wander(image, face, turn=0.0)[1]
        if wander < _STEADY:
            return face
        other, wander_turned = self._wander(image, face, turn=np.pi)
        return face if other is None or wander_turned > _STEADIER * wander else other

    def _wander(self, image: Image, face: Face, *, turn: float) -> tuple[Face | None, float]:
        """The mesh on close-ups turned by `turn`, and how far it wanders between them, in widths of the face."""
        side, angle = max(face.width, face.height), eye_roll(face) + turn
        laid = []
        for factor, tilt in _TILTED_CLOSE_UPS:
            patch = cut_patch(image, center=face.center, side=side * factor, size=_PATCH_SIZE, angle=angle + tilt)
            laid += [_in_picture(seen, patch, score=face.score) for seen in self._landmarker.detect(patch.image)]
        if len(laid) <= len(_TILTED_CLOSE_UPS) // 2:
            return None, float("inf")
        meshes = np.stack([found.landmarks[:, :2] for found in laid if found.landmarks is not None])
        apart = np.linalg.norm(meshes - np.median(meshes, axis=0), axis=2).mean()
        return laid[0], float(apart) / face.width

    def close(self) -> None:
        """Free the models; the next picture opens them again."""
        self._landmarker.close()
        self._witness.close()
        if self._proposer is not None:
            self._proposer.close()
        self._proposer = None

    def __enter__(self) -> FaceFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _proposals(self, image: Image) -> tuple[Face, ...]:
        if self._proposer is None:
            name = self._detector_name or ("yunet" if self._assets.find("yunet") else "centerface")
            scales = [160]
            while scales[-1] < self._max_side:
                scales.append(min(scales[-1] * 2, self._max_side))
            self._proposer = PyramidDetector(
                create_detector(name, assets=self._assets, min_score=self._min_score, max_side=1280),
                scales=tuple(scales),
            )
        found = self._proposer.detect(image)
        return tuple(face for face in found if min(face.width, face.height) >= self._min_side)

    def _confirmed(
        self, image: Image, proposals: tuple[Face, ...], *, witness_score: float = _WITNESS_SCORE
    ) -> tuple[Face, ...]:
        faces: list[Face] = []
        for proposal in proposals:
            face = self._confirm(image, proposal)
            if face is None and not self._require_landmarks and proposal.score >= _MIN_SCORE_ALONE:
                face = proposal
            if face is not None and self._witnessed(image, face, least=witness_score):
                faces.append(face)
        # Two proposals may have led to one face; the mesh boxes show it.
        return tuple(sorted(merge_faces(faces, max_iou=0.4), key=lambda face: -face.area))

    def _confirm(self, image: Image, proposal: Face) -> Face | None:
        """The proposal with landmarks, or None when no mesh agrees with it."""
        for patch in _close_ups(image, proposal):
            for seen in self._landmarker.detect(patch.image):
                face = _in_picture(seen, patch, score=proposal.score)
                if float(iou(face.box[None], proposal.box[None])[0, 0]) >= _MIN_AGREEMENT:
                    return face
        return None

    def _witnessed(self, image: Image, face: Face, *, least: float) -> bool:
        side = 2 * max(face.width, face.height)
        patch = cut_patch(image, center=face.center, side=side, size=_WITNESS_SIZE, angle=eye_roll(face))
        return any(
            seen.score >= least
            and float(iou(_box_in_picture(seen, patch)[None], face.box[None])[0, 0]) >= _MIN_AGREEMENT
            for seen in self._witness.detect(patch.image)
        )

    def _turned(self, image: Image) -> tuple[Face, ...]:
        # A quarter turn makes a copy, so a small picture is searched, and the proposals come back to the upright one.
        small = resize(image, longest=1280, enlarge=False)
        ratio = max(image.shape[:2]) / max(small.shape[:2])
        for quarters in (1, 3, 2):
            turned = np.ascontiguousarray(np.rot90(small, quarters))
            proposals = tuple(
                _turned_back(face, quarters, small.shape[1], small.shape[0], ratio)
                for face in self._proposals(turned)
                if max(face.width, face.height) >= _MIN_SHARE_TURNED * min(small.shape[:2])
            )
            faces = self._confirmed(image, proposals, witness_score=_WITNESS_SCORE_TURNED)
            if faces:
                return faces
        return ()


def find_faces(
    image: Image,
    *,
    assets: AssetStore,
    detector: str | None = None,
    min_side: float = 16.0,
    require_landmarks: bool = True,
    rotate: bool = True,
) -> tuple[Face, ...]:
    """Find the faces of one still picture with their landmarks, the biggest first; opens the models for it alone.

    For several pictures keep a `FaceFinder`, which also explains the arguments and errors.
    """
    finder = FaceFinder(
        assets, detector=detector, min_side=min_side, require_landmarks=require_landmarks, rotate=rotate
    )
    with finder:
        return finder.find(image)


def _close_ups(image: Image, proposal: Face) -> Iterator[Patch]:
    side, angle = max(proposal.width, proposal.height), eye_roll(proposal)
    for factor in _CLOSE_UPS:
        yield cut_patch(image, center=proposal.center, side=side * factor, size=_PATCH_SIZE, angle=angle)


def _box_in_picture(face: Face, patch: Patch) -> Float32:
    """The upright box of a patch as an upright box of the same size in the picture, around the same centre."""
    center = patch.to_picture(np.array([face.center], np.float32))[0]
    half = np.array([face.width, face.height], np.float32) * np.float32(patch.scale / 2)
    return np.concatenate([center - half, center + half]).astype(np.float32)


def _in_picture(face: Face, patch: Patch, *, score: float) -> Face:
    """A face found in a patch, in the picture's pixels; the camera of its pose still looks at the face's middle."""
    assert face.landmarks is not None  # the landmarker gives nothing else
    landmarks = patch.to_picture(face.landmarks)
    pose = face.pose
    if pose is not None:
        # The patch was turned clockwise as seen by `angle`; y is up in camera space, so turning back is by -angle.
        cos, sin = np.cos(patch.angle), np.sin(patch.angle)
        turn = np.eye(4)
        turn[:2, :2] = [[cos, sin], [-sin, cos]]
        pose = (turn @ pose).astype(np.float32)
    return replace(
        face,
        box=landmark_box(landmarks),
        keypoints=keypoints_of(landmarks),
        landmarks=landmarks,
        pose=pose,
        score=score,
    )


def _turned_back(face: Face, quarters: int, width: int, height: int, ratio: float) -> Face:
    """From pixels of `np.rot90(picture, quarters)` to those of the picture, `width` x `height`, then times `ratio`."""

    def back(points: Float32, *, edge: float) -> Float32:
        # `edge` is the last coordinate less the first: boxes run from 0 to width, points from 0 to width - 1.
        x, y = points[:, 0], points[:, 1]
        right, bottom = width - edge, height - edge
        if quarters == 1:  # counter-clockwise: the picture's right edge is on top
            return np.stack([right - y, x], axis=1)
        if quarters == 2:
            return np.stack([right - x, bottom - y], axis=1)
        return np.stack([y, bottom - x], axis=1)

    corners = back(face.box.reshape(2, 2), edge=0.0) * np.float32(ratio)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32)
    points = None
    if face.keypoints is not None:
        points = ((back(face.keypoints, edge=1.0) + 0.5) * ratio - 0.5).astype(np.float32)
    return Face(box=box, score=face.score, keypoints=points)
