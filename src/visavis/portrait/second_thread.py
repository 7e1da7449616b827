"""A second thread that shares the work of the one that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from typing import Generic, TypeVar

__all__ = ["Helper", "Task"]

T = TypeVar("T")


class Task(Generic[T]):
    """Work that another thread does, unless it has not come to it by the time its result is needed."""

    def __init__(self, work: Callable[[], T], pool: ThreadPoolExecutor | None) -> None:
        self._work = work
        self._future: Future[T] | None = None if pool is None else pool.submit(work)

    def result(self) -> T:
        """What the work gives; it is done here and now if nobody has begun it."""
        if self._future is None or self._future.cancel():
            return self._work()
        return self._future.result()


class Helper:
    """One thread beside the one that asks, or none.

    One, since what is shared are steps of a tenth of a millisecond: with more, threads wait for the interpreter.

    >>> helper = Helper(present=True)
    >>> task = helper.begin(lambda: 6 * 7)
    >>> task.result()
    42
    """

    def __init__(self, *, present: bool) -> None:
        self._present = present

    def begin(self, work: Callable[[], T]) -> Task[T]:
        """Have some work done while the caller goes on; ask for its result once, the last begun first."""
        return Task(work, self._pool if self._present else None)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, thread_name_prefix="visavis-paint")
