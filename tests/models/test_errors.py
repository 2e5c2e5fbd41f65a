"""The tree in the docstring is the tree of the classes, and every error says what it is."""

import inspect

from models import errors


def drawn() -> dict[str, str]:
    """Each name in the docstring's tree and its parent's."""
    parents: list[tuple[int, str]] = []
    tree = {}
    for line in (errors.__doc__ or "").splitlines():
        name = line.lstrip("│├└─ ").split(" ")[0]
        if not name.isidentifier() or name not in vars(errors):
            continue
        depth = len(line) - len(line.lstrip("│├└─ "))
        parents = [parent for parent in parents if parent[0] < depth]
        tree[name] = parents[-1][1] if parents else "Exception"
        parents.append((depth, name))
    return tree


def test_the_tree_is_true() -> None:
    classes = {name: cls for name, cls in vars(errors).items() if inspect.isclass(cls)}
    assert drawn() == {name: cls.__base__.__name__ for name, cls in classes.items()}


def test_every_error_is_explained() -> None:
    for name in drawn():
        assert inspect.getdoc(getattr(errors, name)) != inspect.getdoc(Exception)
