"""docs/recipes.md: every key of a recipe, from the models that validate recipes, so that none can be forgotten.

``python -m training.reference > docs/recipes.md`` makes it anew.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from training.config import Recipe

Schema = dict[str, Any]  # of JSON Schema, as pydantic writes it

_INTRODUCTION = """\
# Recipes: every key

<!-- Made by `python -m training.reference > docs/recipes.md` from the models that validate recipes: edit those. -->

A recipe is a TOML file. For one of your own, begin with one that is near to it (`whatsit recipes` lists them):

    whatsit recipes folder > mine.toml
    whatsit train mine.toml --data DIR

`--set KEY=VALUE` changes a key for one training: `--set fit.epochs=3`, `--set architecture.blocks.0.channels=24`. A key
that is not listed here is an error, and so is a value out of its bounds."""
_WORDS = {"integer": "integer", "number": "number", "boolean": "`true` or `false`", "string": "text"}


def recipe_reference(model: type[BaseModel] = Recipe) -> str:
    """The page, as Markdown: a section for each table of ``model``, with a row for each key."""
    schema = model.model_json_schema()
    return "\n\n".join([_INTRODUCTION, *_sections("", schema, schema["$defs"])]) + "\n"


def _sections(path: str, table: Schema, tables: dict[str, Schema]) -> Iterator[str]:
    """The section of one table, and those of the tables in it."""
    fields: dict[str, Schema] = table["properties"]
    if path:
        kinds = [f", {name} = {json.dumps(field['const'])}" for name, field in fields.items() if "const" in field]
        yield f"## `{path}{''.join(kinds)}`"
        yield _markdown(table["description"])
    required = table.get("required", ())
    rows = [_row(name, field, tables, required=name in required) for name, field in fields.items()]
    yield "\n".join(["| key | type | default | bounds | what |", "| --- | --- | --- | --- | --- |", *rows])
    for name, field in fields.items():
        for inner in _tables(field, tables):
            yield from _sections(f"{path}.{name}".lstrip("."), inner, tables)


def _row(name: str, field: Schema, tables: dict[str, Schema], *, required: bool) -> str:
    inner = _tables(field, tables)
    # What a table is for is its own first line.
    what = inner[0]["description"].partition("\n")[0] if len(inner) == 1 else field["description"]
    default = "required" if required else _default(field["default"])
    return f"| `{name}` | {_type(field)} | {default} | {_bounds(field)} | {_markdown(what).replace(chr(10), ' ')} |"


def _tables(field: Schema, tables: dict[str, Schema]) -> list[Schema]:
    """The tables that a key may hold, one or many of."""
    parts = field.get("oneOf") or field.get("anyOf") or [field.get("items", field)]
    return [tables[part["$ref"].rpartition("/")[2]] for part in parts if "$ref" in part]


def _type(field: Schema) -> str:
    field = _given(field)
    if "enum" in field or "const" in field:
        *others, last = (f"`{json.dumps(value)}`" for value in field.get("enum", [field.get("const")]))
        return f"{', '.join(others)} or {last}" if others else last
    if field.get("type") == "array":
        items = _type(field["items"])
        return f"list of {items}" + ("" if items.endswith("`") else "s")
    return "table" if "$ref" in field or "oneOf" in field else _WORDS[field["type"]]


def _bounds(field: Schema) -> str:
    field = _given(field)
    match field.get("type"):
        case "array":
            count, each = _range(field, "minItems", "maxItems"), _bounds(field["items"])
            return ", ".join([*([f"{count} of them"] if count else []), *([f"each {each}"] if each else [])])
        case "string":
            length = _range(field, "minLength", "maxLength")
            return f"{length} characters" if length else ""
    return _range(field, "minimum", "maximum")


def _range(field: Schema, least: str, most: str) -> str:
    words = {least: "at least", "exclusiveMinimum": "above", most: "at most", "exclusiveMaximum": "below"}
    if least in field and most in field:
        return f"{field[least]} to {field[most]}"
    return ", ".join(f"{word} {field[key]}" for key, word in words.items() if key in field)


def _given(field: Schema) -> Schema:
    """What a key that may be left out holds when it is not."""
    return next((part for part in field.get("anyOf", ()) if part.get("type") != "null"), field)


def _default(value: object) -> str:
    if isinstance(value, dict):
        return ""  # that of its own keys
    return "not set" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _markdown(text: str) -> str:
    return text.replace("``", "`")


if __name__ == "__main__":
    sys.stdout.write(recipe_reference())
