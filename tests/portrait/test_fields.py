"""Places that a spline can go through."""

from __future__ import annotations

import numpy as np

from visavis.portrait.fields import apart, thin_plate_operator


def test_of_a_crowd_the_first_is_kept() -> None:
    places = np.array([[0.0, 0.0], [0.5, 0.0], [3.0, 0.0], [0.0, 0.9], [3.0, 1.1]])
    assert apart(places, 1.0).tolist() == [0, 2, 4]
    assert apart(places[:0], 1.0).tolist() == []


def test_a_spline_through_places_that_coincide_needs_them_apart() -> None:
    places = np.array([[0.0, 0.0], [0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])
    kept = places[apart(places, 0.1)]
    values = kept @ [[1.0], [2.0]]
    assert np.allclose(thin_plate_operator(kept, kept) @ values, values)
    assert np.allclose(thin_plate_operator(kept, np.array([[2.0, 1.0]])) @ values, 4)
