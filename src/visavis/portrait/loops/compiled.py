"""How a function becomes machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

__all__ = ["compiled"]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """A function of arrays and numbers as machine code that lets other threads run meanwhile.

    It is compiled when it is first called, which takes seconds, and kept beside its source, or in the user's cache
    where that folder may not be written to; where neither may, it is compiled anew by each process. What is kept is
    used until the function's own file changes: what it calls belongs in that file, too.

    Arithmetic is that of IEEE 754, in the order in which it is written; a division by zero gives infinity.
    """
    options = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # no folder to keep it in
        return cast(F, njit(**options)(function))
