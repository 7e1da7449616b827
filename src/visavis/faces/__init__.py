"""Faces: detectors, landmarks, crops and tracks.

still pictures   find_faces / FaceFinder     every size, landmarks on close-ups
live             Landmarker(mode="video")    then Tracker and LeadPolicy
boxes alone      create_detector             four detectors behind one protocol
"""

from __future__ import annotations

from visavis.faces.cascade import FaceFinder, find_faces, find_sitter
from visavis.faces.detect import DETECTORS, Detector, create_detector
from visavis.faces.landmarks import Landmarker
from visavis.faces.pyramid import PyramidDetector

__all__ = [
    "DETECTORS",
    "Detector",
    "FaceFinder",
    "Landmarker",
    "PyramidDetector",
    "create_detector",
    "find_faces",
    "find_sitter",
]
