"""Opening models, in one way for all detectors: at the first picture, again after closing, ONNX among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from visavis.errors import ModelError
from visavis.types import Float32

__all__ = ["OnDemand", "Session", "open_session"]

T = TypeVar("T")


class Session(Protocol):
    """The part of `onnxruntime.InferenceSession` that is used here, so that a test can stand in for it."""

    def run(self, output_names: Sequence[str] | None, inputs: dict[str, Float32]) -> list[Float32]:
        """Compute the named outputs, or all."""


@dataclass(slots=True, eq=False)
class OnDemand(Generic[T]):
    """Something that is opened when it is first asked for, and again after closing.

    >>> answer = OnDemand(lambda: 42)
    >>> answer()
    42

    Args:
        open: makes it; whatever it raises is raised by the call.
    """

    open: Callable[[], T]
    _value: T | None = None

    def __call__(self) -> T:
        """What was opened."""
        if self._value is None:
            self._value = self.open()
        return self._value

    def close(self) -> None:
        """Let it go."""
        self._value = None


def open_session(model: Path | bytes, *, name: str, threads: int = 2) -> Any:
    """Open an ONNX model on the processor.

    Args:
        model: a file, or the serialised model itself.
        name: what to call the model in an error.
        threads: threads that share one operator.

    Raises:
        ModelError: ONNX Runtime cannot use the model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; its warnings speak of initializers that nobody can change
    # Threads that wait for each other within a run spin, which makes small nets twice as fast; but only for a moment,
    # since between two runs the renderer and the server need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.intra_op.spin_duration_us", "200")
    source = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exception classes share no base but Exception
        raise ModelError(
            f"the {name} model cannot be opened ({str(error).splitlines()[0][:200]}); expected a valid ONNX file: "
            "fetch it again or check where it came from"
        ) from error
