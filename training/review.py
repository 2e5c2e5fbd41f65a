"""When every answer will be for review, and what to do about it; said before a training and after it."""

from models.manifest import Decision
from training.thresholds import least_images


def why_all_for_review(decision: Decision, images: int) -> str | None:
    """Why a decision that ``images`` of validation made accepts nothing, and what to do; None where it accepts some."""
    if decision.coverage:
        return None
    wanted = decision.target or 0.0  # older versions do not say
    told = f"every answer will be for review: the {images:,} validation images prove of no score that it is right in "
    told += f"{wanted * 100:g} % of the cases" if wanted else "enough cases"
    if wanted and images < (least := least_images(wanted)):
        return f"{told}, which takes {least} at the least: give more, or hold out more of them with data.validation"
    return f"{told}: train with more images or for longer, or ask for less with decision.accuracy"
