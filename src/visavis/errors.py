"""Every error that Visavis raises on purpose.

    VisavisError                 base; its message says what happened, what was expected, what to do
    ├── InputError               an image, video or folder cannot be used (exit code 2)
    │   ├── NoFaceError          a picture was read, but holds no usable face
    │   └── RigError             a face was found, but cannot be rigged (profile, too small, hidden)
    ├── ConfigError              a setting or table is unknown, out of range or unreadable (exit code 2)
    ├── AssetError               a model or artwork is missing, or its hash is wrong (exit code 3)
    │   └── UnreachableError     the host that has it cannot be reached
    ├── ModelError               a model file was read but is not what it should be (exit code 3)
    ├── SourceError              a camera or stream stopped giving frames (exit code 4)
    ├── OutputError              a result cannot be written (exit code 5)
    └── MissingPackageError      an optional dependency is not installed (exit code 6)

Libraries raise these; only the command line turns one into a line of text and an exit code.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "AssetError",
    "ConfigError",
    "InputError",
    "MissingPackageError",
    "ModelError",
    "NoFaceError",
    "OutputError",
    "RigError",
    "SourceError",
    "UnreachableError",
    "VisavisError",
    "require",
]


class VisavisError(Exception):
    """Base of all errors raised by Visavis; `exit_code` is what the command line returns for it."""

    exit_code = 1


class InputError(VisavisError):
    """A given image, video or folder cannot be used."""

    exit_code = 2


class NoFaceError(InputError):
    """A picture was read, but no usable face was found in it."""


class RigError(InputError):
    """A face was found in a painting, but it cannot be rigged; the message gives the reason."""


class ConfigError(VisavisError):
    """A setting or a table is unknown, out of range or unreadable."""

    exit_code = 2


class AssetError(VisavisError):
    """A model or an artwork is missing, cannot be fetched, or does not have the expected hash."""

    exit_code = 3


class UnreachableError(AssetError):
    """The host that has an asset cannot be reached, as without a network.

    Attributes:
        host: its name, or several joined by `and`.
        cause: what the system says of it, such as `Connection refused`.
    """

    def __init__(self, message: str, *, host: str, cause: str) -> None:
        super().__init__(message)
        self.host = host
        self.cause = cause


class ModelError(VisavisError):
    """A model file was read, but is corrupted or not of the expected form."""

    exit_code = 3


class SourceError(VisavisError):
    """A camera or stream cannot be opened, or stopped giving frames."""

    exit_code = 4


class OutputError(VisavisError):
    """A result cannot be written where it was asked for."""

    exit_code = 5


class MissingPackageError(VisavisError):
    """An optional dependency is not installed."""

    exit_code = 6


def require(package: str, *, extra: str) -> ModuleType:
    """Import an optional dependency, or say which extra brings it.

    >>> require("json", extra="dev").__name__
    'json'

    Raises:
        MissingPackageError: `package` cannot be imported.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(
            f"the package {package!r} cannot be imported ({error}); install it with: pip install 'visavis[{extra}]'"
        ) from error
