"""Ids over time and who leads, on paths whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from visavis.errors import ConfigError
from visavis.faces import LEAD_POLICIES, LeadPolicy, Tracker
from visavis.faces.lead import LeadKind
from visavis.types import Face

STEP = 1 / 30


def face(x: float, y: float = 100.0, size: float = 50.0, track_id: int | None = None) -> Face:
    half = size / 2
    return Face(box=np.array([x - half, y - half, x + half, y + half], np.float32), track_id=track_id)


def ids(faces: tuple[Face, ...]) -> list[int | None]:
    return [each.track_id for each in faces]


def test_two_people_keep_their_numbers_whatever_the_order() -> None:
    tracker = Tracker()
    assert ids(tracker.update((face(100), face(300)), 0.0)) == [0, 1]
    assert ids(tracker.update((face(305), face(98)), STEP)) == [1, 0]


def test_people_who_pass_each_other_keep_their_numbers() -> None:
    tracker = Tracker()
    for frame in range(61):
        left, right = 100 + 4 * frame, 340 - 4 * frame
        seen = tracker.update((face(left, 95), face(right, 115)), frame * STEP)
        assert ids(seen) == [0, 1]


def test_a_short_loss_is_bridged_and_a_long_one_is_not() -> None:
    tracker = Tracker()
    tracker.update((face(100),), 0.0)
    for frame in range(1, 57):
        assert tracker.update((), frame * STEP) == ()
    assert ids(tracker.update((face(120),), 1.9)) == [0]
    assert ids(tracker.update((face(120),), 4.0)) == [1]


def test_a_newcomer_elsewhere_is_somebody_else() -> None:
    tracker = Tracker()
    tracker.update((face(100),), 0.0)
    assert ids(tracker.update((face(500),), STEP)) == [1]
    assert ids(tracker.update((face(500), face(100)), 2 * STEP)) == [1, 0]


def test_a_face_of_another_size_is_somebody_else() -> None:
    tracker = Tracker()
    tracker.update((face(100, size=40),), 0.0)
    assert ids(tracker.update((face(100, size=150),), STEP)) == [1]


def test_the_shape_of_the_mesh_decides_between_neighbours() -> None:
    draw = np.random.default_rng(0)
    meshes = [draw.uniform(0, 50, (478, 3)).astype(np.float32) for _ in range(2)]
    tracker = Tracker()
    first = [replace(face(100 + 30 * n), landmarks=meshes[n] + np.float32(100 + 30 * n)) for n in range(2)]
    assert ids(tracker.update(tuple(first), 0.0)) == [0, 1]
    # Both stand half-way between: only their shapes tell who is who.
    second = [replace(face(115), landmarks=meshes[n] + np.float32(115)) for n in (1, 0)]
    assert ids(tracker.update(tuple(second), STEP)) == [1, 0]


def test_faces_come_back_in_their_order_with_all_they_had() -> None:
    given = (face(300), face(100))
    seen = Tracker().update(given, 0.0)
    assert [each.box.tolist() for each in seen] == [each.box.tolist() for each in given]


def test_time_must_not_go_back_until_reset() -> None:
    tracker = Tracker()
    tracker.update((face(100),), 5.0)
    with pytest.raises(ValueError, match="go back"):
        tracker.update((), 4.0)
    tracker.reset()
    assert ids(tracker.update((face(100),), 0.0)) == [1]


def lead(policy: LeadPolicy, time_s: float, *faces: Face) -> int | None:
    chosen = policy.choose(faces, time_s, width=640, height=480)
    return None if chosen is None else chosen.track_id


@pytest.mark.parametrize("kind", LEAD_POLICIES)
@pytest.mark.parametrize("missed", [0.0, 0.2])
def test_the_lead_does_not_flicker_between_equals(kind: LeadKind, missed: float) -> None:
    """Two people alike in size and place, measured with noise, each overlooked in some frames, for half a minute."""
    policy = LeadPolicy(kind, turn_s=8.0)
    draw = np.random.default_rng(1)
    leads: list[int] = []
    for frame in range(900):
        people = [
            face(place + draw.normal(0, 8), 240 + draw.normal(0, 8), size=draw.normal(60, 3), track_id=number)
            for number, place in enumerate((200, 440))
        ]
        seen = [person for person in people if frame == 0 or draw.random() >= missed]
        chosen = lead(policy, frame * STEP, *seen)
        if chosen is not None:
            leads.append(chosen)
    changes = int(np.count_nonzero(np.diff(leads)))
    # In turn-taking the other one's turn comes after 8, 16 and 24 seconds; else nobody is better for long enough.
    assert changes == (3 if kind == "turn-taking" else 0)
    # A lead who was overlooked for a moment is waited for, and that moment is short.
    assert len(leads) >= 900 * (1 - missed) - 50


@pytest.mark.parametrize("kind", ["largest", "nearest-centre", "average"])
def test_two_who_change_places_change_the_lead_once(kind: LeadKind) -> None:
    policy = LeadPolicy(kind)
    draw = np.random.default_rng(2)
    leads: list[int] = []
    for frame in range(300):
        share = frame / 299
        near, far = 90 - 50 * share, 40 + 50 * share
        chosen = lead(
            policy,
            frame * STEP,
            face(320 + 200 * share, 240, size=near + draw.normal(0, 2), track_id=0),
            face(120 + 200 * share, 240, size=far + draw.normal(0, 2), track_id=1),
        )
        assert chosen is not None
        leads.append(chosen)
    assert leads[0] == 0
    assert leads[-1] == 1
    assert np.count_nonzero(np.diff(leads)) == 1


def test_a_clearly_larger_face_takes_over_after_patience() -> None:
    policy = LeadPolicy("largest", patience_s=0.5)
    first, second = face(100, size=60, track_id=0), face(400, size=40, track_id=1)
    assert lead(policy, 0.0, first, second) == 0
    grown = face(400, size=90, track_id=1)
    assert lead(policy, 1.0, first, grown) == 0
    assert lead(policy, 1.3, first, second) == 0  # a moment's advantage is forgotten
    assert lead(policy, 1.4, first, grown) == 0
    assert lead(policy, 1.8, first, grown) == 0
    assert lead(policy, 1.95, first, grown) == 1


def test_a_lost_lead_keeps_the_place_for_a_moment() -> None:
    policy = LeadPolicy(absence_s=0.5)
    assert lead(policy, 0.0, face(100, size=90, track_id=0), face(400, track_id=1)) == 0
    assert lead(policy, 0.3, face(400, track_id=1)) is None
    assert lead(policy, 0.4, face(100, size=90, track_id=0), face(400, track_id=1)) == 0
    assert lead(policy, 1.0, face(400, track_id=1)) == 1
    assert lead(policy, 9.0) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("largest", 1), ("nearest-centre", 0), ("longest", 2), ("average", 1), ("turn-taking", 0)],
)
def test_each_policy_chooses_by_its_own_measure(kind: LeadKind, expected: int) -> None:
    policy = LeadPolicy(kind)
    oldest = face(50, size=30, track_id=2)
    policy.choose((oldest,), 0.0, width=640, height=480)
    everybody = (face(330, y=230, size=60, track_id=0), face(560, size=120, track_id=1), oldest)
    chosen = [lead(policy, 0.1 + frame * 0.1, *everybody) for frame in range(90)]
    assert chosen[0] == 2  # nobody takes over at once
    assert expected in chosen


def test_turns_go_round() -> None:
    policy = LeadPolicy("turn-taking", turn_s=1.0)
    people = tuple(face(100 + 100 * n, track_id=n) for n in range(3))
    chosen = [lead(policy, step * 0.5, *people) for step in range(12)]
    assert set(chosen[:6]) == {0, 1, 2}
    assert chosen[:6] == chosen[6:]


def test_the_average_mixes_everybody() -> None:
    policy = LeadPolicy("average")
    smiling, resting = np.zeros(52, np.float32), np.zeros(52, np.float32)
    smiling[44] = 0.8
    faces = (replace(face(100, track_id=0), blendshapes=smiling), replace(face(300, track_id=1), blendshapes=resting))
    chosen = policy.choose(faces, 0.0, width=640, height=480)
    assert chosen is not None
    assert chosen.blendshapes is not None
    assert chosen.blendshapes[44] == pytest.approx(0.4)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="policy"):
        LeadPolicy("loudest")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="advantage"):
        LeadPolicy(advantage=0.5)
    with pytest.raises(ConfigError, match="bridge_s"):
        Tracker(bridge_s=0)
