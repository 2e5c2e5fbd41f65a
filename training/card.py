"""The model card: what a version is for, what it was made from, its numbers and its limits."""

from collections.abc import Iterable, Mapping, Sequence

from models.manifest import ACCEPTS_NOTHING, Conformal, Decision, Measured, Metrics, Precision
from training.config import Recipe
from training.data.splits import SplitRecord
from training.intervals import wilson
from training.learnt import doubt
from training.report.evidence import read_answers
from training.report.facts import Rate, accepted_by_label
from training.run import Run
from training.scores import tells_top5

_TEMPLATE = """# {title}

{description}

## What it is for

It says which of {count} classes an image shows: {labels}. Every image gets one of these answers, also one that
shows nothing of the kind; a low score, answered `review`, is the only hint of that.

## Data

{source}: {images}. Removed because the same pixels were in another split: {duplicates}. Unreadable: {unreadable}.
Input: {width} x {height} pixels, {colour}, {resize}.

## Numbers

Measured on the {reference} graph, on the {tested:,} images of the test split:

| | |
| --- | --- |
| accuracy | {accuracy:.2%} ({correct:,} right) |
| where it lies at 95 % confidence | {low:.2%} to {high:.2%} |
{best_five}| macro F1 | {macro_f1:.4f} |
| loss | {loss:.4f} nats |
| expected calibration error | {ece:.4f}{before} |
{doubt}
{classes}

{decision} The temperature is {temperature:.3f}.
{sets}

## Graphs

| precision | size | accuracy | calibration error | speed |
| --- | --- | --- | --- | --- |
{graphs}

{about}

## Limits

The numbers hold for images like those of the data. Photographs from another source, of other sizes or in other
light, are recognised less well, and how much less is not known before it is measured with `whatsit evaluate`. Nor do
the thresholds and the sets keep their promise there. What the sets promise, they promise of all images together, not of
each class. One validation split, of {validated:,} images, chose the epoch, the temperature and the thresholds, and
flatters them a little: what is said above at 95 % confidence is a little less sure than that. On the test split this
run chose nothing but whether a graph of lower precision is good enough to publish; where its recipe was improved after
earlier runs had been measured on these images, the numbers flatter a little too.
"""


def model_card(name: str, run: Run, graphs: Mapping[Precision, Measured]) -> str:
    """The text of MODEL_CARD.md of a finished run, of which ``graphs`` are published, the most exact first."""
    recipe, record, reference = run.recipe(), run.splits(), next(iter(graphs))
    metrics, calibration = run.metrics(reference), run.calibration(reference)
    low, high = wilson(metrics.correct, metrics.images)
    before, doubted = metrics.uncalibrated_error, doubt(recipe, run.info().origin)
    return _TEMPLATE.format(
        title=name,
        description=recipe.description,
        reference=reference,
        tested=metrics.images,
        accuracy=metrics.accuracy,
        correct=metrics.correct,
        low=low,
        high=high,
        best_five=_best_five(metrics),
        macro_f1=metrics.macro_f1,
        loss=metrics.loss,
        ece=metrics.expected_calibration_error,
        before="" if before is None else _before(before, metrics.expected_calibration_error),
        doubt="" if doubted is None else f"\nMind: {_cell(doubted)}.\n",
        classes=_classes(
            metrics, calibration.decision, accepted_by_label(read_answers(run, reference), calibration.decision)
        ),
        decision=_decision(calibration.decision, recipe.decision.accuracy),
        sets=_sets(calibration.conformal),
        graphs="\n".join(map(_graph, graphs, graphs.values())),
        about=_about(graphs, run.metrics()),
        temperature=calibration.temperature,
        validated=len(record.keys["validation"]),
        **_data(recipe, record),
    )


def _before(before: float, after: float) -> str:
    return f" ({before:.4f} before calibration{'' if after <= before else ', which did not lower it'})"


def _best_five(metrics: Metrics) -> str:
    """A row, where the best five are not all there are."""
    return f"| accuracy of the best five | {metrics.top5_accuracy:.2%} |\n" if tells_top5(metrics) else ""


def _classes(metrics: Metrics, decision: Decision, accepted: Sequence[Rate]) -> str:
    """A table with a row for each class."""
    head = ["class", "precision", "recall", "F1", "images", "threshold", "accepted", "right of these"]
    rows = [head, ["---"] * len(head)]
    for index, (entry, rate) in enumerate(zip(metrics.per_class, accepted, strict=True)):
        rates = (f"{share:.4f}" for share in (entry.precision, entry.recall, entry.f1))
        taken = f"{rate.accuracy:.4f}" if rate.images else ""
        threshold = _threshold(decision.threshold_of(index))
        rows.append([_cell(entry.label), *rates, str(entry.support), threshold, str(rate.images), taken])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _threshold(threshold: float) -> str:
    return "none" if threshold >= ACCEPTS_NOTHING else f"{threshold:.3f}"


def _decision(decision: Decision, wanted: float) -> str:
    if not decision.coverage:
        return (
            f"The validation split proves of no score that it is right in {wanted * 100:g} % of the cases, so every "
            "answer is `review`."
        )
    if not decision.thresholds:
        return (
            f"On the validation split, scores of at least {decision.threshold:.3f} are right in "
            f"{decision.accuracy:.2%} of the cases, and {decision.coverage:.2%} of the images reach them: these "
            "answers are `accept`, the others `review`."
        )
    return (
        "An answer is `accept` when its score reaches the threshold of its class, else `review`. On the validation "
        f"split, accepted answers are right in {decision.accuracy:.2%} of the cases, and {decision.coverage:.2%} of "
        f"the images are accepted. It shows, each at 95 % confidence, that at least {wanted * 100:g} % are right of "
        f"the accepted answers of every class with a threshold of its own{_sharing(decision)}"
    )


def _sharing(decision: Decision) -> str:
    """What holds for the classes without a threshold of their own, where there are any."""
    told = "."
    if decision.threshold < ACCEPTS_NOTHING and decision.threshold in decision.thresholds:
        told = f", and of those together that share {_threshold(decision.threshold)}."
    if ACCEPTS_NOTHING in decision.thresholds:
        told += " Of a class with the threshold none it shows too little, or the contrary."
    return told


def _graph(precision: Precision, measured: Measured) -> str:
    speed = "not measured"
    if precision == "fp32":
        speed = "1"
    elif measured.speed_up is not None:
        speed = f"{measured.speed_up:.1f} times that of fp32 on {_cell(measured.hardware)}"
    error = measured.expected_calibration_error
    return f"| {precision} | {measured.bytes / 1e6:.1f} MB | {measured.accuracy:.2%} | {error:.4f} | {speed} |"


def _about(graphs: Mapping[Precision, Measured], exact: Metrics) -> str:
    reference, emulated = next(iter(graphs)), ""
    if "fp16" in graphs and graphs["fp16"].speed_up is None:
        emulated = (
            " fp16 was measured on a processor that computes it in float32, where no sum overflows: what it reaches on "
            "CUDA, where it is meant to run, was not measured."
        )
    if reference == "fp32":
        return f"The numbers above, the thresholds and the report are those of fp32.{emulated}"
    return (
        f"The numbers above, the thresholds and the report are those of {reference}. It was made from a graph of fp32 "
        f"that is not part of this version and is right in {exact.accuracy:.2%}.{emulated}"
    )


def _sets(conformal: Conformal | None) -> str:
    if conformal is None:
        return "There are no sets of candidates: the validation split is too small for them."
    return (
        f"The `candidates` of an answer are the classes scored at least {conformal.threshold:.4f}, and the best one. "
        f"They are to hold the right class in {conformal.coverage * 100:g} % of the cases; on the test split they do "
        f"so in {conformal.test_coverage:.2%}, with {conformal.mean_size:.2f} classes on average."
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
