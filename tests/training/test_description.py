import io

import pytest
from rich.console import Console

from training.description import Description, Row, description_table


def shown(description: Description) -> str:
    out = io.StringIO()
    Console(width=120, file=out).print(description_table(description))
    return " ".join(out.getvalue().split())


def description(**changes: object) -> Description:
    row = Row(name="features.0", kind="Conv2d 3x3", output=(64, 32, 32), parameters=1792, multiply_adds=1_769_472)
    facts = {
        "subject": "recipe [small]",
        "input": (32, 32, 3),
        "classes": 10,
        "layers": (row,),
        "parameters": 2000,
        "trainable": 1792,
        "multiply_adds": 1_769_472,
        "bytes": 8_123_456,
    }
    return Description.model_validate(facts | changes)


def test_a_table_shows_layers_and_totals() -> None:
    out = shown(description())
    assert "recipe [small]: 32 x 32 x 3 to 10 classes " in out
    assert "features.0 │ Conv2d 3x3 │ 64 x 32 x 32 │ 1,792 │ 1,769,472" in out
    assert "2,000 parameters (1,792 trainable, 208 not), 1.77 M multiply-adds an image, 8.1 MB" in out


@pytest.mark.parametrize(
    ("count", "text"), [(15_470_264_320, "15.47 G "), (12_345, "12.35 k "), (999, " 999 "), (0, " 0 ")]
)
def test_counts_are_shortened(count: int, text: str) -> None:
    assert f"{text}multiply-adds" in shown(description(multiply_adds=count))


@pytest.mark.parametrize(
    ("frozen", "told"),
    [
        (0, "begins with the weights of imagenet"),
        (1, "and are frozen for the first 1 of 5 epochs"),
        (5, "and are frozen for all 5 epochs"),
        (9, "and are frozen for all 5 epochs"),
    ],
)
def test_what_is_frozen_and_for_how_long_is_said(frozen: int, told: str) -> None:
    out = shown(description(initial={"weights": "imagenet", "frozen": frozen, "epochs": 5}))
    assert out.endswith(told)
    assert "begins with" not in shown(description())


def test_what_is_assumed_is_said_and_nothing_learns_in_a_graph() -> None:
    out = shown(description(assumed_classes=True, trainable=None))
    assert "10 classes (assumed: --classes tells)" in out
    assert "2,000 parameters, " in out
