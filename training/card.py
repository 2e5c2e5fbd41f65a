"""The model card: what a version is for, what it was made from, its numbers and its limits."""

from collections.abc import Iterable

from models.manifest import ACCEPTS_NOTHING, Decision
from training.config import Recipe
from training.data.splits import SplitRecord
from training.run import Run

_TEMPLATE = """# {title}

{description}

## What it is for

It says which of {count} classes an image shows: {labels}. Every image gets one of these answers, also one that
shows nothing of the kind; a low score, answered `review`, is the only hint of that.

## Data

{source}: {images}. Removed because the same pixels were in another split: {duplicates}. Unreadable: {unreadable}.
Input: {width} x {height} pixels, {colour}, {resize}.

## Numbers

Measured once, on the exported graph, on the {tested:,} images of the test split:

| | |
| --- | --- |
| accuracy | {accuracy:.2%} ({correct:,} right) |
| accuracy of the best five | {top5:.2%} |
| macro F1 | {macro_f1:.4f} |
| loss | {loss:.4f} nats |
| expected calibration error | {ece:.4f} |

| class | precision | recall | F1 | images |
| --- | --- | --- | --- | --- |
{classes}

{decision} The temperature is {temperature:.3f}.

## Limits

The numbers hold for images like those of the data. Photographs from another source, of other sizes or in other
light, are recognised less well, and how much less is not known before it is measured with `whatsit evaluate`.
"""


def model_card(name: str, run: Run) -> str:
    """The text of MODEL_CARD.md of a finished run."""
    recipe, record, metrics, calibration = run.recipe(), run.splits(), run.metrics(), run.calibration()
    return _TEMPLATE.format(
        title=name,
        description=recipe.description,
        tested=metrics.images,
        accuracy=metrics.accuracy,
        correct=metrics.correct,
        top5=metrics.top5_accuracy,
        macro_f1=metrics.macro_f1,
        loss=metrics.loss,
        ece=metrics.expected_calibration_error,
        classes="\n".join(
            f"| {_cell(c.label)} | {c.precision:.4f} | {c.recall:.4f} | {c.f1:.4f} | {c.support} |"
            for c in metrics.per_class
        ),
        decision=_decision(calibration.decision, recipe.decision.accuracy),
        temperature=calibration.temperature,
        **_data(recipe, record),
    )


def _decision(decision: Decision, wanted: float) -> str:
    if decision.threshold >= ACCEPTS_NOTHING:
        return (
            f"The validation split proves of no score that it is right in {wanted * 100:g} % of the cases, so every "
            "answer is `review`."
        )
    return (
        f"On the validation split, scores of at least {decision.threshold:.3f} are right in {decision.accuracy:.2%} of "
        f"the cases, and {decision.coverage:.2%} of the images reach them: these answers are `accept`, the others "
        "`review`."
    )


def _data(recipe: Recipe, record: SplitRecord) -> dict[str, object]:
    return {
        "count": len(record.labels),
        "labels": _listed(record.labels),
        "source": record.source,
        "images": ", ".join(f"{len(keys):,} for {split}" for split, keys in record.keys.items()),
        "duplicates": sum(record.duplicates.values()),
        "unreadable": len(record.unreadable),
        "width": recipe.input.width,
        "height": recipe.input.height,
        "colour": recipe.input.colour,
        "resize": recipe.input.resize,
    }


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(map(_cell, labels))


def _cell(label: str) -> str:
    """A folder's name may hold what Markdown would read as its own."""
    return label.replace("|", "\\|")
