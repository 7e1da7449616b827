"""Moving pictures to disk: .mp4 (H.264), .webm (VP9) and .gif, in the painting's own colours, whole or not at all."""

from __future__ import annotations

import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import OutputError
from visavis.files import advice_on, check_suffix, printable, replacing
from visavis.gif import Animation
from visavis.types import Image

__all__ = ["MOVING_SUFFIXES", "TRANSPARENT_MOVING_SUFFIXES", "VideoWriter"]

#: Suffixes that a `VideoWriter` writes.
MOVING_SUFFIXES: Final = (".mp4", ".webm", ".gif")

#: Those of them that can be seen through.
TRANSPARENT_MOVING_SUFFIXES: Final = (".webm", ".gif")

#: Encoder and its options. CRF 16 (H.264) and 22 (VP9) are indistinguishable from the source at viewing distance;
#: `faststart` lets a browser play before all is loaded.
_ENCODERS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    ".mp4": ("libx264", {"crf": "16", "preset": "medium"}),
    ".webm": ("libvpx-vp9", {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}),
}
# ITU-T H.273: BT.709 primaries and matrix, sRGB transfer, studio range.
_BT709: Final = 1
_SRGB: Final = 13
_STUDIO: Final = 1


class VideoWriter:
    """Writes frames of one size at one rate; a context manager. The file appears when the block ends without an error.

    MP4 and WebM have even sides in 4:2:0 colour: an odd side is continued by repeating its last row or column. A GIF
    shows a frame for whole hundredths of a second; the rest is carried over, so that the whole keeps its length.

    >>> with VideoWriter("answer.mp4", frames_per_second=25) as video:      # doctest: +SKIP
    ...     video.write(image)

    Args:
        path: its suffix names the format: `.mp4`, `.webm` or `.gif`.
        frames_per_second: above 0, at most 240; a GIF at most 50.
        title: written into the file.

    Raises:
        OutputError: an unknown suffix, a rate out of range, or a file that cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, frames_per_second: float = 25.0, title: str = "") -> None:
        self.path = Path(path)
        self.frames_per_second = frames_per_second
        self._title = title
        self._suffix = self.path.suffix.lower()
        check_suffix(path, MOVING_SUFFIXES, "moving pictures")
        most = 50 if self._suffix == ".gif" else 240
        if not 0 < frames_per_second <= most:
            raise OutputError(
                f"{frames_per_second:g} frames a second cannot be written; expected above 0, at most {most}"
            )
        self._stack = ExitStack()
        self._encoder: _Encoder | Animation | None = None
        self._temporary: Path | None = None
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> VideoWriter:
        self._temporary = self._stack.enter_context(replacing(self.path))
        return self

    def write(self, image: Image) -> None:
        """Add one frame, (H, W, 3) uint8 RGB; (H, W, 4) RGBA where `TRANSPARENT_MOVING_SUFFIXES` has the format.

        Raises:
            OutputError: the encoder refuses, or the disk is full.
            ValueError: another shape than the first frame's, or another dtype.
        """
        if self._temporary is None:
            raise ValueError("frames are written inside of a `with VideoWriter(...)` block")
        channels = (3, 4) if self._suffix in TRANSPARENT_MOVING_SUFFIXES else (3,)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in channels or image.size == 0:
            wanted = " or ".join(map(str, channels))
            raise ValueError(f"a frame must be uint8 of shape (H, W, {wanted}), not {image.dtype} {image.shape}")
        self._shape = self._shape or image.shape
        if image.shape != self._shape:
            raise ValueError(f"every frame must have the shape of the first, {self._shape}, not {image.shape}")
        if self._encoder is None:
            rate = Fraction(self.frames_per_second).limit_denominator(1001)
            self._encoder = (
                Animation(self._temporary, rate)
                if self._suffix == ".gif"
                else _Encoder(self._temporary, self.path, image.shape, rate, self._title)
            )
        self._encoder.write(image)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._temporary = None
        try:
            if self._encoder is not None:
                self._encoder.close(finish=error is None)
            if error is None and self._encoder is None:
                raise OutputError(f"no frame was given for {self.path}; nothing was written")
        except BaseException as failure:
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        finally:
            self._encoder = None
        self._stack.__exit__(kind, error, trace)


class _Encoder:
    """H.264 or VP9 through PyAV, into the file `path`; what goes wrong is told of `target`, whose name it will take."""

    def __init__(self, path: Path, target: Path, shape: tuple[int, ...], rate: Fraction, title: str) -> None:
        import av

        self._target = target
        suffix = target.suffix.lower()
        codec, options = _ENCODERS[suffix]
        self._odd = (shape[0] % 2, shape[1] % 2)
        container_options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
        try:
            self._container: Any = av.open(str(path), "w", options=container_options)
            if title:
                self._container.metadata["title"] = printable(title)
            if shape[2] == 4:  # VP9 keeps alpha as a second picture beside each frame, which hidden frames would upset
                options = options | {"auto-alt-ref": "0"}
            stream = self._container.add_stream(codec, rate=rate, options=options)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise OutputError(f"cannot write {target} with {codec}: {error}") from error
        stream.height, stream.width = shape[0] + self._odd[0], shape[1] + self._odd[1]
        self._format = "yuv420p" if shape[2] == 3 else "yuva420p"
        stream.pix_fmt = self._format
        context = stream.codec_context
        context.color_primaries, context.color_trc = _BT709, _SRGB
        context.colorspace, context.color_range = _BT709, _STUDIO
        self._stream = stream
        self._count = 0
        self._rate = rate

    def write(self, image: Image) -> None:
        import av

        if any(self._odd):
            image = np.pad(image, ((0, self._odd[0]), (0, self._odd[1]), (0, 0)), mode="edge")
        planes = _to_yuv420(np.ascontiguousarray(image[:, :, :3]))
        if self._format == "yuva420p":
            frame = _with_alpha(planes, image[:, :, 3])
        else:
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.colorspace, frame.color_range = _BT709, _STUDIO
        frame.color_primaries, frame.color_trc = _BT709, _SRGB
        frame.pts, frame.time_base = self._count, 1 / self._rate
        self._count += 1
        self._mux(frame)

    def close(self, *, finish: bool) -> None:
        import av

        try:
            if finish:
                self._mux(None)
        finally:
            try:
                self._container.close()
            except (av.error.FFmpegError, OSError) as error:
                if finish:
                    raise self._refused(error) from error

    def _mux(self, frame: Any) -> None:
        import av

        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> OutputError:
        """FFmpeg's errors name the temporary file, which is gone when somebody reads of it."""
        if isinstance(error, OSError):
            return OutputError(f"cannot write {self._target}: {error.strerror or error}; {advice_on(error)}")
        return OutputError(f"cannot write {self._target}: {error}")


def _to_yuv420(image: Image) -> NDArray[np.uint8]:
    """(H, W, 3) RGB with even sides as (3 H / 2, W) planar Y'CbCr 4:2:0 in studio range (ITU-R BT.709-6, item 3).

    Rounded to nearest, without the small tint that FFmpeg's own conversion leaves.
    """
    import cv2

    red, blue = 0.2126, 0.0722
    luma = np.array([red, 1 - red - blue, blue])
    rows = [luma * 219 / 255, (np.array([0, 0, 1]) - luma) * 224 / 255 / (2 * (1 - blue))]
    rows.append((np.array([1, 0, 0]) - luma) * 224 / 255 / (2 * (1 - red)))
    matrix = np.column_stack([np.stack(rows), [16, 128, 128]])
    ycbcr = cv2.transform(image, matrix)
    height, width = image.shape[:2]
    chroma = cv2.resize(ycbcr[:, :, 1:], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    planes = [ycbcr[:, :, 0].ravel(), chroma[:, :, 0].ravel(), chroma[:, :, 1].ravel()]
    return np.concatenate(planes).reshape(height * 3 // 2, width)


def _with_alpha(planes: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> Any:
    """A yuva420p frame of PyAV from planar 4:2:0 and (H, W) alpha."""
    import av

    height, width = alpha.shape
    frame = av.VideoFrame(width, height, "yuva420p")
    flat, quarter = planes.ravel(), height * width // 4
    parts = np.split(flat, [height * width, height * width + quarter])
    for plane, values in zip(frame.planes, (*parts, alpha), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = values.reshape(plane.height, plane.width)
        plane.update(rows.tobytes())
    return frame
