"""Faces: detectors, landmarks, crops and tracks.

still pictures   find_faces / FaceFinder     every size, landmarks on close-ups
live             Landmarker(mode="video")    then Tracker and LeadPolicy
boxes alone      create_detector             four detectors behind one protocol
"""

from __future__ import annotations

from visavis.faces.cascade import FaceFinder, find_faces
from visavis.faces.crop import CropSpec, crop_face, to_input
from visavis.faces.detect import DETECTORS, Detector, create_detector
from visavis.faces.landmarks import Landmarker
from visavis.faces.lead import LEAD_POLICIES, LeadPolicy
from visavis.faces.pyramid import PyramidDetector
from visavis.faces.track import Tracker

__all__ = [
    "DETECTORS",
    "LEAD_POLICIES",
    "CropSpec",
    "Detector",
    "FaceFinder",
    "Landmarker",
    "LeadPolicy",
    "PyramidDetector",
    "Tracker",
    "create_detector",
    "crop_face",
    "find_faces",
    "to_input",
]
