"""What is the matter with a file of a run that cannot be read: damaged, or of another version of Whatsit."""

from pydantic import ValidationError

from models.manifest import first_problem


def complaint(error: ValidationError) -> str:
    """What is to be said of the file after its name, for people.

    Files are written whole, so that a key which is missing, unknown, or null where a value must be, was not lost: the
    version that wrote it had another format.
    """
    problems = error.errors(include_url=False)
    missing = [problem["type"] == "missing" or problem["input"] is None for problem in problems]
    unknown = [problem["type"] == "extra_forbidden" for problem in problems]
    if not all(one or other for one, other in zip(missing, unknown, strict=True)):
        return f"is damaged: {first_problem(error, whole='all of it')}"
    which = "an older version" if any(missing) else "another version"
    return f"was written by {which} of Whatsit ({first_problem(error)}): read it with that one"
