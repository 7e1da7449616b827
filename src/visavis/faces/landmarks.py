"""Landmarks, blendshapes and head pose, by MediaPipe's Face Landmarker.

Model: face_landmarker.task, float16 v1 (a short-range BlazeFace, a 478-point face mesh with irises, 52 blendshapes).
Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019, arXiv:1907.06724.
"""

from __future__ import annotations

from contextlib import nullcontext
from types import TracebackType
from typing import Any, Final, Literal

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError
from visavis.faces.native import close_with, without_chatter
from visavis.types import BLENDSHAPES, MESH_POINTS, Face, Float32, Image, check_image

__all__ = ["Landmarker", "keypoints_of", "landmark_box"]

#: Mesh points whose mean is, in the order of `Face.keypoints`: right eye (both corners), left eye, nose tip, right and
#: left corner of the mouth.
_KEYPOINT_SOURCES: Final = ((33, 133), (263, 362), (1,), (61,), (291,))


def keypoints_of(landmarks: Float32) -> Float32:
    """The five keypoints, (5, 2) float32 pixels, of a (478, 3) mesh."""
    return np.stack([landmarks[list(source), :2].mean(axis=0) for source in _KEYPOINT_SOURCES]).astype(np.float32)


def landmark_box(landmarks: Float32) -> Float32:
    """The box around a (478, 3) mesh, (4,) float32: forehead to chin, cheek to cheek."""
    mesh = landmarks[:MESH_POINTS, :2]
    return np.concatenate([mesh.min(axis=0), mesh.max(axis=0)]).astype(np.float32)


class Landmarker:
    """Finds faces with their landmarks, blendshapes and pose; one object for one thread.

    The model is opened at the first picture, or by `load()`.

    >>> with Landmarker(AssetStore(), mode="video") as landmarker:   # doctest: +SKIP
    ...     faces = landmarker.detect(frame.image, time_s=frame.time_s)

    Args:
        assets: where the model comes from.
        mode: `image` treats every picture on its own; `video` follows faces from frame to frame, which is faster and,
            with one face, smoother.
        max_faces: find at most so many.
        min_detection: lowest confidence in [0, 1] of the detector inside.
        min_presence: lowest confidence in [0, 1] that the landmarks lie on a face; in `video` mode a face whose
            confidence falls below it is looked for afresh.
    """

    def __init__(
        self,
        assets: AssetStore,
        *,
        mode: Literal["image", "video"] = "image",
        max_faces: int = 1,
        min_detection: float = 0.5,
        min_presence: float = 0.5,
    ) -> None:
        if mode not in ("image", "video"):
            raise ValueError(f"mode must be 'image' or 'video', not {mode!r}")
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, not {max_faces}")
        self._assets = assets
        self._mode = mode
        self._max_faces = max_faces
        self._min_detection = min_detection
        self._min_presence = min_presence
        self._task: Any = None
        self._finalizer: Any = None
        self._last_ms = -1
        self._shift_ms = 0
        self._checked = False

    def load(self) -> None:
        """Open the model now rather than at the first picture.

        Raises:
            AssetError: the model is missing, cannot be fetched, or has the wrong hash.
            ModelError: MediaPipe cannot use the model.
        """
        if self._task is not None:
            return
        path = self._assets.path("face-landmarker")
        with without_chatter():
            from mediapipe.tasks.python import BaseOptions, vision

            options = vision.FaceLandmarkerOptions(
                base_options=BaseOptions(model_asset_path=str(path)),
                running_mode=vision.RunningMode.VIDEO if self._mode == "video" else vision.RunningMode.IMAGE,
                num_faces=self._max_faces,
                min_face_detection_confidence=self._min_detection,
                min_face_presence_confidence=self._min_presence,
                min_tracking_confidence=self._min_presence,
                output_face_blendshapes=True,
                output_facial_transformation_matrixes=True,
            )
            try:
                self._task = vision.FaceLandmarker.create_from_options(options)
            except (ValueError, RuntimeError, OSError) as error:
                raise ModelError(
                    f"MediaPipe cannot use the face landmarker at {path} ({error}); "
                    "expected face_landmarker.task, float16 v1"
                ) from error
            self._finalizer = close_with(self, self._task)

    def detect(self, image: Image, time_s: float = 0.0) -> tuple[Face, ...]:
        """Find the faces of one picture, the biggest first.

        Args:
            image: (H, W, 3) uint8 RGB.
            time_s: capture time in seconds, used in `video` mode only. Times should rise; one that does not (a file
                played again) is taken as the next moment.

        Returns:
            Faces with `landmarks`, `blendshapes`, `keypoints` and `pose`; the box is that around the mesh. MediaPipe
            tells no confidence, so `score` is 1. The pose assumes a camera whose picture is `image`, with a vertical
            angle of view of 63 degrees.

        Raises:
            AssetError, ModelError: as for `load`.
            ValueError: `image` has another shape or dtype.
        """
        check_image(image)
        self.load()
        stamp = round(time_s * 1000) + self._shift_ms
        if stamp <= self._last_ms:
            self._shift_ms += self._last_ms + 1 - stamp
            stamp = self._last_ms + 1
        self._last_ms = stamp
        # The native side speaks for the last time when it sees its first face.
        with nullcontext() if self._checked else without_chatter():
            result = self._run(image, stamp)
        return self._faces(result, image)

    def close(self) -> None:
        """Free the model; the next picture opens it again."""
        if self._finalizer is not None:
            self._finalizer()
        self._task = self._finalizer = None
        self._last_ms, self._shift_ms = -1, 0

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, image: Image, stamp_ms: int) -> Any:
        import mediapipe

        picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        if self._mode == "video":
            return self._task.detect_for_video(picture, stamp_ms)
        return self._task.detect(picture)

    def _faces(self, result: Any, image: Image) -> tuple[Face, ...]:
        height, width = image.shape[:2]
        # MediaPipe's 0 and 1 are the picture's edges, ours is the middle of the first pixel; z has the scale of x.
        scale, offset = np.array([width, height, width]), np.array([-0.5, -0.5, 0.0])
        faces = []
        for points, categories, pose in zip(
            result.face_landmarks, result.face_blendshapes, result.facial_transformation_matrixes, strict=True
        ):
            self._check_names(categories)
            landmarks = (np.array([(p.x, p.y, p.z) for p in points]) * scale + offset).astype(np.float32)
            weights = np.array([category.score for category in categories], np.float32)
            if not (np.isfinite(landmarks).all() and np.isfinite(weights).all()):
                continue
            faces.append(
                Face(
                    box=landmark_box(landmarks),
                    keypoints=keypoints_of(landmarks),
                    landmarks=landmarks,
                    blendshapes=np.clip(weights, 0, 1),
                    pose=np.array(pose, np.float32),
                )
            )
        return tuple(sorted(faces, key=lambda face: -face.area))

    def _check_names(self, categories: Any) -> None:
        if self._checked:
            return
        names = tuple(category.category_name for category in categories)
        if names != BLENDSHAPES:
            odd = [f"{have} for {want}" for have, want in zip(names, BLENDSHAPES, strict=False) if have != want]
            raise ModelError(
                f"the face landmarker gives {len(names)} blendshapes ({', '.join(odd[:3]) or 'some missing'}); "
                f"expected the {len(BLENDSHAPES)} of face_landmarker.task float16 v1, in its order"
            )
        self._checked = True
