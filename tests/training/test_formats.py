import pytest
from pydantic import ValidationError

from models.manifest import Strict
from training.formats import complaint


class Format(Strict):
    name: str
    loss: float


def told(content: str) -> str:
    with pytest.raises(ValidationError) as caught:
        Format.model_validate_json(content)
    return complaint(caught.value)


@pytest.mark.parametrize(
    ("content", "version"),
    [
        ('{"name": "a"}', "an older version of Whatsit (loss: Field required)"),
        ('{"name": "a", "loss": null}', "an older version of Whatsit (loss: Input should be a valid number)"),
        ('{"name": "a", "rate": 2}', "an older version of Whatsit (loss: Field required)"),
        ('{"name": "a", "loss": 1, "rate": 2}', "another version of Whatsit (rate: Extra inputs are not permitted)"),
    ],
)
def test_other_keys_are_those_of_another_version(content: str, version: str) -> None:
    assert told(content) == f"was written by {version}: read it with that one"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"name": "a", "loss": 1', "all of it: Invalid JSON: EOF while parsing an object at line 1 column 23"),
        ("[]", "all of it: Input should be an object"),
        ('{"name": 1}', "name: Input should be a valid string"),
        ('{"name": "a", "loss": "little"}', "loss: Input should be a valid number, unable to parse string as a number"),
    ],
)
def test_what_no_version_writes_is_damage(content: str, problem: str) -> None:
    assert told(content) == f"is damaged: {problem}"
