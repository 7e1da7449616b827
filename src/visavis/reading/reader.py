"""From pictures and video frames to readings: finds the faces, follows them, reads each."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Final

from visavis.reading.face_reader import FaceReader, Smoothing
from visavis.reading.instruments import Instruments, open_instruments
from visavis.types import Face, Frame, Image, Reading

if TYPE_CHECKING:
    from visavis.assets import AssetStore
    from visavis.faces import FaceFinder, Landmarker, Tracker

__all__ = ["Reader"]

#: Seconds of a video between two thorough searches that find nothing; each takes as long as several frames.
_SEARCH_EVERY_S: Final = 1.0


class Reader:
    """Reads every face of a picture, or of the frames of a video one after the other.

    Opens its models at the first picture that needs them; one object for one thread.

    >>> with Reader(AssetStore()) as reader:                      # doctest: +SKIP
    ...     for reading in reader.read_image(read_image("group.jpg")):
    ...         print(reading.emotion.dominant)

    Args:
        assets: where the models come from.
        detector: what proposes faces in still pictures, by name; None for the best at hand.
        max_faces: follow at most so many faces in a video, and tell at most so many of a picture, the biggest first.
        instruments: what the faces are read with; the package's own when None.
        smoothing: steadies the faces of a video over time; None gives every frame as it was measured.
        explain: also tell the reasons for each emotion.
    """

    def __init__(
        self,
        assets: AssetStore,
        *,
        detector: str | None = None,
        max_faces: int = 5,
        instruments: Instruments | None = None,
        smoothing: Smoothing | None = None,
        explain: bool = False,
    ) -> None:
        self._assets = assets
        self._detector = detector
        self._max_faces = max_faces
        self._instruments = instruments
        self._smoothing = smoothing
        self._explain = explain
        self._face_readers: tuple[FaceReader, FaceReader] | None = None
        self._finder: FaceFinder | None = None
        self._landmarker: Landmarker | None = None
        self._tracker: Tracker | None = None
        self._search_again_s = 0.0

    @property
    def instruments(self) -> Instruments:
        """What the faces are read with.

        Raises:
            ModelError: a model of the package is damaged.
        """
        if self._instruments is None:
            self._instruments = open_instruments()
        return self._instruments

    def read_image(self, image: Image) -> tuple[Reading, ...]:
        """The readings of one still picture, (H, W, 3) RGB uint8, the biggest face first; empty without faces.

        Raises:
            AssetError: a model is missing, cannot be fetched, or has the wrong hash.
            ModelError: a model cannot be used.
            ConfigError: an unknown detector.
        """
        reader, _ = self._readers()
        return tuple(reader.read(face, image) for face in self._find(image))

    def read_frame(self, frame: Frame) -> tuple[Reading, ...]:
        """The readings of the next frame of a video, faces numbered by `track_id`; call `restart` between videos.

        Frames must come in the order of their times. MediaPipe's own detector is for faces within two metres of the
        camera; where it sees none, the frame is searched as a still picture is, and while that finds nothing either,
        once in every second of the video.

        Raises:
            AssetError, ModelError: as for `read_image`.
        """
        if self._landmarker is None or self._tracker is None:
            from visavis.faces import Landmarker, Tracker

            self._landmarker = Landmarker(self._assets, mode="video", max_faces=self._max_faces)
            self._tracker = Tracker()
        seen = self._landmarker.detect(frame.image, time_s=frame.time_s) or self._search(frame)
        faces: tuple[Face, ...] = self._tracker.update(seen, frame.time_s)
        _, reader = self._readers()
        return tuple(reader.read(face, frame.image, frame.time_s) for face in faces)

    def _readers(self) -> tuple[FaceReader, FaceReader]:
        """The reader of still pictures, and that of a video's frames."""
        if self._face_readers is None:
            attributes, emotions = self.instruments.attributes, self.instruments.emotions
            self._face_readers = (
                FaceReader(emotions=emotions, attributes=attributes, smoothing=None, explain=self._explain),
                FaceReader(emotions=emotions, attributes=attributes, smoothing=self._smoothing, explain=self._explain),
            )
        return self._face_readers

    def _search(self, frame: Frame) -> tuple[Face, ...]:
        if frame.time_s < self._search_again_s:
            return ()
        faces = self._find(frame.image)
        if not faces:
            self._search_again_s = frame.time_s + _SEARCH_EVERY_S
        return faces

    def _find(self, image: Image) -> tuple[Face, ...]:
        if self._finder is None:
            from visavis.faces import FaceFinder

            self._finder = FaceFinder(self._assets, detector=self._detector)
        return self._finder.find(image)[: self._max_faces]

    def restart(self) -> None:
        """Begin another video: nothing is carried over, and its faces are numbered anew."""
        if self._landmarker is not None:
            self._landmarker.close()
        self._landmarker = self._tracker = None
        self._search_again_s = 0.0
        if self._face_readers is not None:
            self._face_readers[1].forget()

    def close(self) -> None:
        """Free the models; the next picture opens them again."""
        self.restart()
        if self._finder is not None:
            self._finder.close()
        self._finder = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
