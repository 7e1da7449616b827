"""How a function becomes machine code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """A function of arrays and numbers as machine code that lets other threads run meanwhile.

    It is compiled when it is first called, which takes seconds, and kept beside its source, or in the user's cache
    where that folder may not be written to, or in the folder that `NUMBA_CACHE_DIR` names; where it can be kept
    nowhere, it is compiled anew by each process. What is kept is used until the function's own file changes: what it
    calls belongs in that file, too.

    Arithmetic is that of IEEE 754, in the order in which it is written; a division by zero gives infinity.
    """
    dispatcher = njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # there is no folder to keep it in
        dispatcher._cache = _Kept(function)
    return cast(F, dispatcher)


class _Kept(FunctionCache):  # type: ignore[misc]  # numba has no types
    """What has been compiled, on disk: a full disk or a damaged file costs time, but never a frame."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled function for these types, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # a damaged pickle may raise anything
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it, if that can be done."""
        with suppress(Exception):
            super().save_overload(sig, data)
