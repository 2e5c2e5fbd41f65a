"""The OpenAPI document is sound, and what it says is what the service does."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.api.documentation import EXAMPLE_IMAGE
from service.settings import Settings
from tests.service.support.apps import App, running_app
from tests.service.support.bodies import MULTIPART, files
from tests.support.bundles import publish_tiny

Operation = tuple[str, str, dict[str, Any]]

# What the examples name there only is once somebody has made it.
NOT_THERE = {
    "/health/ready",
    "/v1/models/{name}/shadow/examples/{example}",
    *("/v1/jobs/{job}", "/v1/jobs/{job}/results"),
}


def operations(document: dict[str, Any]) -> list[Operation]:
    return [(path, method, operation) for path, item in document["paths"].items() for method, operation in item.items()]


async def document_of(app: App) -> dict[str, Any]:
    document: dict[str, Any] = (await app.client.get("/openapi.json")).json()
    return document


def values(node: Any, key: str) -> Iterator[Any]:
    """Everything that stands under ``key``, at any depth."""
    if isinstance(node, dict):
        for name, child in node.items():
            if name == key:
                yield child
            yield from values(child, key)
    elif isinstance(node, list):
        for child in node:
            yield from values(child, key)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The store has the model that the examples speak of."""
    publish_tiny(tmp_path / "store", "cifar10")
    return Settings(store=tmp_path / "store", threads=1, jobs_input=str(tmp_path))


async def test_every_reference_leads_somewhere(app: App) -> None:
    document = await document_of(app)
    references = set(values(document, "$ref"))
    assert references
    for reference in references:
        node: Any = document
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]


async def test_the_document_has_the_shape_of_openapi(app: App) -> None:
    document = await document_of(app)
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for path, _, operation in operations(document):
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert {part[1:-1] for part in path.split("/") if part.startswith("{")} == declared
        assert all(parameter["description"] for parameter in operation.get("parameters", ()))
        assert operation["description"]
        assert all(response["description"] for response in operation["responses"].values())
        assert set(operation.get("responses", {})) & {"200", "202"}


async def test_problems_are_told_with_the_type_that_they_have(app: App) -> None:
    document = await document_of(app)
    for path, _, operation in operations(document):
        for status, response in operation["responses"].items():
            if status not in {"200", "202", "206", "304"}:
                shape = "application/json" if path.startswith("/v2") else "application/problem+json"
                assert list(response["content"]) == [shape], (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_all_say_which_scope_a_key_needs_but_those_of_probes(app: App) -> None:
    document = await document_of(app)
    schemes = set(document["components"]["securitySchemes"])
    told = {path: operation.get("security") for path, _, operation in operations(document)}
    open_to_all = {path for path, security in told.items() if security is None}
    assert open_to_all == {"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"}
    assert told["/v1/predict"] == [{}, {"bearer": ["predict"]}, {"header": ["predict"]}]
    assert told["/metrics"] == [{}, {"bearer": []}, {"header": []}]
    assert {name for security in told.values() for each in security or () for name in each} == schemes


async def test_every_example_runs(app: App) -> None:
    ran = 0
    for path, method, operation in operations(await document_of(app)):
        where = path
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path":
                where = where.replace(f"{{{parameter['name']}}}", parameter["schema"]["examples"][0])
        content = operation.get("requestBody", {}).get("content", {})
        for content_type, described in content.items():
            if "example" in described:
                assert content_type == "application/json"
                response = await app.client.request(method, where, json=described["example"])
                assert response.status_code == (202 if path == "/v1/jobs" else 200), response.text
                assert "red" in response.text or path == "/v1/jobs"
                ran += 1
        harmless = method != "delete" and path not in NOT_THERE
        if not content and harmless:
            assert (await app.client.request(method, where)).status_code == 200
            ran += 1
    assert ran >= 9


async def test_every_content_type_that_is_listed_is_taken(app: App) -> None:
    image = base64.b64decode(EXAMPLE_IMAGE)
    for path, method, operation in operations(await document_of(app)):
        for content_type in operation.get("requestBody", {}).get("content", {}):
            where = path.replace("{ref}", "cifar10")
            if content_type.startswith("image/"):
                response = await app.client.request(
                    method, where, content=image, headers={"content-type": content_type}
                )
            elif content_type == "multipart/form-data":
                body = files([image], field="files" if path.endswith(("batch", "jobs")) else "file")
                response = await app.client.request(method, where, content=body, headers={"content-type": MULTIPART})
            else:
                continue
            assert response.status_code == (202 if path == "/v1/jobs" else 200), (path, content_type)


async def test_an_answer_has_the_members_that_its_schema_requires(app: App) -> None:
    document = await document_of(app)
    schemas = document["components"]["schemas"]
    answer = (await app.client.post("/v1/predict", json={"image": EXAMPLE_IMAGE})).json()
    assert set(schemas["PredictResponse"]["properties"]) == set(answer)
    batch = (await app.client.post("/v1/predict/batch", json={"images": [EXAMPLE_IMAGE, ""]})).json()
    assert set(schemas["BatchResponse"]["properties"]) == set(batch)
    assert set(schemas["BatchItem"]["properties"]) == set(batch["results"][0])
    assert set(schemas["BatchFailure"]["properties"]) == set(batch["results"][1])


async def test_it_can_be_made_without_a_store(tmp_path: Path) -> None:
    async with running_app(Settings(store=tmp_path / "nowhere")) as app:
        assert (await app.client.get("/openapi.json")).status_code == 200
