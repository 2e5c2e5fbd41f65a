"""What refs mean, given what stands of a model."""

import pytest

from models.errors import AliasNotFound, VersionNotFound
from models.refs import Ref
from models.targets import Found, Listing, Target, read_target

LISTING = Listing("pets", (1, 3, 4), {"production": Target(3, 4, (95, 5)), "next": Target(4)})


@pytest.mark.parametrize(
    ("ref", "found"),
    [
        (Ref("pets"), Found(Target(3, 4, (95, 5)), "production")),
        (Ref("pets", alias="next"), Found(Target(4), "next")),
        (Ref("pets", version=1), Found(Target(1), None)),
    ],
)
def test_what_a_ref_means(ref: Ref, found: Found) -> None:
    assert LISTING.find(ref) == found


def test_without_production_a_name_alone_is_the_newest() -> None:
    assert Listing("pets", (1, 3), {}).find(Ref("pets")) == Found(Target(3), None)


def test_what_there_is_not_is_told_with_what_there_is() -> None:
    with pytest.raises(VersionNotFound, match="no version 2; it has: 1, 3, 4"):
        LISTING.find(Ref("pets", version=2))
    with pytest.raises(AliasNotFound, match="no alias 'best'; it has: next, production"):
        LISTING.find(Ref("pets", alias="best"))
    with pytest.raises(VersionNotFound):
        Listing("pets", (1,), {"production": Target(2)}).find(Ref("pets"))


@pytest.mark.parametrize("target", [Target(3), Target(3, 4, (95, 5))])
def test_a_target_is_read_as_it_is_written(target: Target) -> None:
    assert read_target(target.written) == target


def test_targets_are_told_to_people() -> None:
    assert str(Target(3)) == "version 3"
    assert str(Target(3, 4, (95, 5))) == "version 3, with 0.05 of the requests at version 4"
