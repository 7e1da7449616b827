"""How the installation is doing: rates, latencies, restarts; what /health and the operator read."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from typing import Final

import numpy as np

__all__ = ["Health", "RestartBudget"]

_WINDOW: Final = 300


class Health:
    """Rolling figures over the last frames. Written by the loop's thread, read by any."""

    def __init__(self, *, window: int = _WINDOW) -> None:
        self._lock = threading.Lock()
        self._published: deque[float] = deque(maxlen=window)
        self._latencies: deque[float] = deque(maxlen=window)
        self._stages: dict[str, deque[float]] = {}
        self._window = window
        self._frames = 0
        self._restarts = 0
        self._last_error = ""

    def frame(self, now: float, latency_s: float, stages: Mapping[str, float]) -> None:
        """Note one frame that was answered at `now`, `latency_s` after it was taken; `stages` in milliseconds."""
        with self._lock:
            self._frames += 1
            self._published.append(now)
            self._latencies.append(latency_s * 1000)
            for name, value in stages.items():
                self._stages.setdefault(name, deque(maxlen=self._window)).append(value)

    def lost(self, reason: str) -> None:
        """Note that the source went away."""
        with self._lock:
            self._restarts += 1
            self._last_error = reason

    @property
    def last_error(self) -> str:
        """Why the source was last lost, in words; empty when it never was."""
        return self._last_error

    def report(self, now: float) -> dict[str, object]:
        """Frames, rate, latency and stage times, ready for JSON; None where nothing was measured yet."""
        with self._lock:
            recent = [time for time in self._published if now - time <= 5.0]
            latencies = list(self._latencies)
            stages = {name: round(float(np.median(values)), 3) for name, values in self._stages.items()}
            frames, restarts = self._frames, self._restarts
            last = self._published[-1] if self._published else None
        span = recent[-1] - recent[0] if len(recent) > 1 else 0.0
        return {
            "frames": frames,
            "frames_per_second": round((len(recent) - 1) / span, 2) if span > 0 else None,
            "seconds_since_frame": round(now - last, 3) if last is not None else None,
            "latency_ms": {
                "p50": round(float(np.percentile(latencies, 50)), 3) if latencies else None,
                "p95": round(float(np.percentile(latencies, 95)), 3) if latencies else None,
            },
            "stages_ms": stages,
            "source_losses": restarts,
        }


class RestartBudget:
    """How often a lost source may be opened again, and after which wait.

    Within `window_s` seconds it is tried `limit` times, with waits that double from `first_wait_s`. When the budget is
    spent, only one try in `slow_wait_s` is left, so that a camera plugged in again next morning is found.
    """

    def __init__(
        self,
        *,
        limit: int = 5,
        window_s: float = 60.0,
        first_wait_s: float = 0.5,
        longest_wait_s: float = 8.0,
        slow_wait_s: float = 15.0,
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._slow_wait_s = slow_wait_s
        self._losses: deque[float] = deque(maxlen=limit + 1)
        self._spent = False

    def lost(self, now: float) -> float:
        """Note a loss at `now`; the seconds to wait before the next try."""
        lately = self._window_s + (self._slow_wait_s if self._spent else 0.0)
        recent = 1 + sum(now - time <= lately for time in self._losses)
        self._losses.append(now)
        # Once spent, it stays so until the source has played for a whole window.
        self._spent = recent > (1 if self._spent else self._limit)
        if self._spent:
            return self._slow_wait_s
        return min(self._first_wait_s * 2.0 ** (recent - 1), self._longest_wait_s)

    @property
    def is_spent(self) -> bool:
        """True when only slow tries are left."""
        return self._spent
