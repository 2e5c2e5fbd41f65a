"""The sentences and lists of facts of the report that depend on what was measured."""

from models.manifest import ACCEPTS_NOTHING
from training.curves import rises
from training.data.check.facts import DataCheck, Span
from training.intervals import wilson
from training.report.content import Content
from training.run import least_loss

_NAMED = 10
_PLATEAU = 0.01

Facts = list[tuple[str, str]]


def training_facts(content: Content) -> Facts:
    """What was trained, on what, with what."""
    recipe, info = content.recipe, content.info
    spec, planned = recipe.input, recipe.fit.epochs
    ended = "" if len(content.history) == planned else f" of {planned} planned"
    return [
        ("Recipe", info.recipe_name),
        ("Network", f"{recipe.architecture.name}, {content.network.parameters:,} parameters"),
        ("Cost", f"{content.network.multiply_adds / 1e6:,.1f} million multiply-adds an image"),
        ("Begins with", _beginning(content)),
        ("Input", f"{spec.width} x {spec.height} pixels, {spec.colour}, {spec.resize}"),
        ("Data", f"{content.record.source}: {_images(content)}"),
        ("Epochs", f"{len(content.history)}{ended}; the best is {content.best.epoch}"),
        ("Time", duration(content.seconds)),
        ("Hardware", f"{info.hardware(len(content.history))}, {info.first.precision}"),
        ("Optimizer", f"{recipe.optimizer.name}, learning rate {recipe.optimizer.learning_rate:g}"),
        ("Seed", str(recipe.seed)),
        ("Commit", ", then ".join(info.commits(len(content.history))) or "not known"),
    ]


def _beginning(content: Content) -> str:
    weights, origin = content.recipe.transfer.weights, content.info.origin
    if origin is None:
        return f"weights of {weights}" if weights else "random weights"
    return f"{origin.layers} layers of {origin.title}; sha256 of the file: {origin.sha256}"


def turning(content: Content) -> str:
    """Whether, where and how far validation turned, and what that was to the choice of the epoch."""
    history, best, turn = content.history, content.best, content.turn
    least = min(history, key=lambda row: row.validation_loss)
    rise = history[-1].validation_loss / least.validation_loss - 1 if least.validation_loss else 0.0
    if turn:
        told = (
            f"Validation turned at epoch {turn.epoch}: at the end its loss was {turn.rise:.0%} higher, while the "
            f"training loss fell by another {turn.fall:.0%}. From there on the network learned its training images by "
            "heart, or grew surer of itself than it is right."
        )
    elif least is history[-1]:
        told = (
            f"Validation did not turn: its loss was least in the last epoch, {least.epoch}. More epochs, or a larger "
            "network, may still gain something."
        )
    elif rise < _PLATEAU:
        told = f"Validation did not turn: its loss was least in epoch {least.epoch} and stayed about there."
    elif not rises(least, history[-1]):
        told = (
            f"The validation loss was least in epoch {least.epoch} and {rise:.0%} higher at the end, which may be "
            f"chance on {len(content.record.keys['validation']):,} images."
        )
    else:
        told = (
            f"The validation loss was least in epoch {least.epoch} and {rise:.0%} higher at the end, after too few "
            "epochs, or beside too high a training loss, to call it overfitting."
        )
    return f"{told} What is measured here is epoch {best.epoch}, {_why(content)}."


def _why(content: Content) -> str:
    """Why the epoch was chosen that is measured."""
    least = least_loss(content.history)
    if least is None or least.epoch == content.best.epoch:
        return "that of the least calibrated loss"
    return f"the last within one standard error of the least calibrated loss, that of epoch {least.epoch}"


def calibrating(content: Content) -> str:
    """What the temperature changed on the test split, and whether it helped."""
    gain, images = content.gain, len(content.record.keys["validation"])
    chance = ", which may be chance" if gain.is_chance else ""
    told = (
        f"The expected calibration error, how far scores are from that on average, is {gain.error_after:.2%}; it was "
        f"{gain.error_before:.2%} before the temperature of {content.calibration.temperature:.3f}, which was fitted on "
        f"{images:,} images for validation. The loss went from {gain.loss_before:.4f} to {gain.loss_after:.4f} nats"
        f"{chance}."
    )
    if gain.helped:
        return told
    return f"{told} As far as the test split shows, calibration did not help; more images for validation make it surer."


def deciding(content: Content) -> str:
    """What the chosen thresholds promised, and what they keep on the test split."""
    decision, found, wanted = content.calibration.decision, content.acceptance.chosen, content.acceptance.target
    if decision.threshold >= ACCEPTS_NOTHING and not decision.thresholds:
        return (
            f"The validation split proves of no score that it is right in {wanted:.1%} of the cases, so every answer "
            "is for review."
        )
    if not found.images:
        return "The thresholds that were chosen on validation accept no answer of the test split."
    what = "thresholds of the classes were" if decision.thresholds else f"threshold of {decision.threshold:.3f} was"
    low, high = found.interval
    kept = "kept" if found.accuracy >= wanted else "within chance of it" if high >= wanted else "missed"
    return (
        f"The {what} chosen on validation, so that accepted answers are right in {wanted:.1%} of the cases. On the "
        f"test split {found.coverage:.1%} of the answers are accepted, and {found.accuracy:.1%} of these are right "
        f"({low:.1%} to {high:.1%} at 95% confidence): the target is {kept}."
    )


def covering(content: Content) -> str:
    """What the candidates promised, and what they keep on the test split."""
    conformal = content.calibration.conformal
    if conformal is None:
        return ""
    held = sum(rate.right for _, rate in content.sets)
    low, high = wilson(held, content.metrics.images)
    kept = "kept" if conformal.test_coverage >= conformal.coverage else "within chance of it"
    kept = "missed" if high < conformal.coverage else kept
    return (
        f"The candidates of an answer, the labels scored at least {conformal.threshold:.4f} and the best guess, are to "
        f"hold the true one in {conformal.coverage:.1%} of the cases. On the test split they do so in "
        f"{conformal.test_coverage:.1%} ({low:.1%} to {high:.1%} at 95% confidence): what was asked for is {kept}. "
        f"There are {conformal.mean_size:.2f} on average."
    )


def data_facts(content: Content) -> Facts:
    """What is known of the data besides its counts."""
    record, counts = content.record, content.evidence.counts["train"]
    unreadable = ", ".join(record.unreadable[:_NAMED]) if content.illustrated else ""
    facts = [
        ("Source", record.source),
        ("Licence", content.recipe.data.licence or "not stated"),
        ("Images", _images(content)),
        ("Classes", f"{len(record.labels):,}"),
        ("Balance", f"the largest class has {max(counts) / max(1, min(counts)):.1f} times the images of the smallest"),
        ("Duplicates", f"{sum(record.duplicates.values()):,} removed, which were in two splits"),
        ("Unreadable", f"{len(record.unreadable):,}" + (f": {unreadable}" if unreadable else "")),
        ("Fingerprint", record.fingerprint),
    ]
    return facts if content.check is None else facts + _originals(content.check, content.recipe.data.kind)


def _originals(check: DataCheck, kind: str) -> Facts:
    """What the images are in their files; those of arrays have no format until they are read."""
    formats = ", ".join(f"{count:,} {name}" for name, count in check.formats.items())
    if kind != "folder":
        formats = f"{sum(check.formats.values()):,} in arrays, encoded as PNG to be read like files"
    spans = (("Widths", check.widths), ("Heights", check.heights))
    return [("Formats", formats), *((name, _span(span)) for name, span in spans if span is not None)]


def _span(span: Span) -> str:
    if span.least == span.largest:
        return f"{span.least:,} pixels"
    return f"{span.least:,} to {span.largest:,} pixels, half of them up to {span.median:,}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _images(content: Content) -> str:
    return ", ".join(f"{len(keys):,} for {split}" for split, keys in content.record.keys.items())
