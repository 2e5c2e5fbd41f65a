"""The model card of a version that was imported: what is known of it, and that its accuracy is not."""

from models.importing.convert import Converted
from models.importing.wanted import Wanted
from models.manifest import Activation, Imported, InputSpec

_TEMPLATE = """# {title}

{description}

## What it is for

It says which of {count:,} classes an image shows, from {first} to {last}. Every image gets one of these answers, also
one that shows nothing of the kind.

## Where it is from

It was not trained here, but imported: {files}, written by {producer}. Source and licence: {source}.

| file | sha256 |
| --- | --- |
{digests}

## How it takes images

{width} x {height} pixels, {resize}, {filter} filter; channels {colour}, mean {mean} and standard deviation {std} of
values from 0 to 1. {activation} All of that but the resizing is inside the graph.

## Numbers

**It was not evaluated.** What it reached elsewhere is not proved here. Its answers differ by at most {difference:.2g}
from those of the file that it was made of, on {compared} images.

{decision} `whatsit evaluate {name}@VERSION --data DIR` measures it on a folder of images for each class.
"""
_ACTIVATIONS: dict[Activation, str] = {
    "none": "Its outputs are probabilities by themselves.",
    "softmax": "Its outputs are logits, and a softmax follows them.",
    "sigmoid": "Its one output is the logit of the second class, and a sigmoid follows it.",
    "complement": "Its one output is the probability of the second class.",
}


def model_card(name: str, wanted: Wanted, converted: Converted) -> str:
    """The text of MODEL_CARD.md."""
    imported, labels = converted.imported, wanted.labels
    return _TEMPLATE.format(
        title=name,
        description=wanted.description or "An image classifier.",
        count=len(labels),
        first=labels[0],
        last=labels[-1],
        files=", ".join(imported.files),
        producer=imported.producer,
        source=imported.source,
        digests="\n".join(f"| {file} | `{digest}` |" for file, digest in imported.files.items()),
        name=name,
        decision=_decision(wanted.threshold),
        difference=imported.difference,
        compared=imported.compared,
        **_input(converted.spec, imported),
    )


def _input(spec: InputSpec, imported: Imported) -> dict[str, object]:
    resize = f"the central {spec.crop_fraction:.1%}" if spec.resize == "crop" else spec.resize
    return {
        "width": spec.width,
        "height": spec.height,
        "resize": resize,
        "filter": spec.filter,
        "colour": imported.colour,
        "mean": ", ".join(f"{value:.4g}" for value in imported.mean),
        "std": ", ".join(f"{value:.4g}" for value in imported.std),
        "activation": _ACTIVATIONS[imported.activation],
    }


def _decision(threshold: float | None) -> str:
    if threshold is None:
        return "Scores are not calibrated, and nothing is proved of them, so every answer is for review."
    return (
        f"Scores are not calibrated. An answer that scores at least {threshold:g} is accepted because whoever imported "
        "it chose that: how many of these are right was not measured."
    )
