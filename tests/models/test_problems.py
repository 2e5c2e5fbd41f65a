import pytest
from pydantic import Field, ValidationError, model_validator

from models.manifest import Strict
from models.problems import describe_problems


class Small(Strict):
    port: int = Field(ge=1)
    colour: str = "red"

    @model_validator(mode="after")
    def _agree(self) -> "Small":
        if self.colour == "odd":
            raise ValueError("odd is none")
        return self


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"port": 0}, "port: Input should be greater than or equal to 1"),
        ({"port": 1, "color": "red"}, "color: not known, did you mean colour?"),
        ({"port": 1, "qqq": 1}, "qqq: not known"),
        ({"port": 1, "colour": "odd"}, "everything: odd is none"),
        ({"prot": 1}, "port: Field required; prot: not known, did you mean port?"),
    ],
)
def test_all_problems_are_told_in_plain_words(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Small.model_validate(given)
    assert describe_problems(caught.value, Small.model_fields, "everything") == told


def test_the_path_is_the_one_that_people_write() -> None:
    with pytest.raises(ValidationError) as caught:
        Small.model_validate({"port": 0})
    told = describe_problems(caught.value, (), "", lambda place: ("server", *place))
    assert told.startswith("server.port: ")
