"""Visavis: a Renaissance portrait that looks back.

A camera sees a spectator; the face is found and read; a painting answers with its own expression.
Importing this package touches no device, no network and no model, and takes a few milliseconds; heavy libraries are
imported where they are used.
"""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
