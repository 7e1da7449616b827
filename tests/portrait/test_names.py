"""Names of portraits as titles, and what is offered for a name that nobody has."""

from __future__ import annotations

import pytest

from visavis.portrait.names import ends_with, nearest, spelt_out

NAMES = (
    "a-militiaman-holding-a-berkemeyer",
    "mona-lisa",
    "girl-with-a-pearl-earring",
    "portrait-of-henry-danvers-earl-of-danby",
    "portrait-of-a-musician",
    "self-portrait-105130",
    "self-portrait-in-a-straw-hat",
    "giotto__madonna-and-child",
)


@pytest.mark.parametrize(
    ("slug", "title"),
    [
        ("lady-with-an-ermine", "Lady with an Ermine"),
        ("leonardo-da-vinci", "Leonardo da Vinci"),
        ("a-man-with-a-quilted-sleeve", "A Man with a Quilted Sleeve"),
        ("the-milkmaid", "The Milkmaid"),
        ("la-velata", "La Velata"),
        ("anthony-van-dyck", "Anthony van Dyck"),
        ("el-greco", "El Greco"),
        ("isabella-d-este", "Isabella d'Este"),
        ("portrait-of-francesco-delle-opere", "Portrait of Francesco delle Opere"),
        ("self-portrait-105130", "Self Portrait 105130"),
        ("", ""),
    ],
)
def test_small_words_stay_small(slug: str, title: str) -> None:
    assert spelt_out(slug) == title


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("militiaman", ("a-militiaman-holding-a-berkemeyer",)),
        ("monna-lisa", ("mona-lisa",)),
        ("Mona Lisa", ("mona-lisa",)),
        ("pearl", ("girl-with-a-pearl-earring",)),
        ("musican", ("portrait-of-a-musician",)),
        ("self-portrait", ("self-portrait-105130", "self-portrait-in-a-straw-hat")),
        ("madonna", ("giotto__madonna-and-child",)),
        ("nobody", ()),
        ("", ()),
        ("---", ()),
    ],
)
def test_the_nearest_names_are_offered(text: str, meant: tuple[str, ...]) -> None:
    assert nearest(text, NAMES) == meant


def test_only_a_few_are_offered() -> None:
    assert nearest("saint", [f"saint-{number}" for number in range(9)]) == ("saint-0", "saint-1", "saint-2")


def test_an_ending_begins_after_a_break() -> None:
    assert ends_with("leonardo-da-vinci__mona-lisa", "mona-lisa")
    assert ends_with("mona-lisa", "mona-lisa")
    assert not ends_with("leonardo-da-vinci__mona-lisa", "ona-lisa")
