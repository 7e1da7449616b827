"""What a command printed."""

from __future__ import annotations

import pytest


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error on standard error."""
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: "), error
    assert "\n" not in error
    return error
