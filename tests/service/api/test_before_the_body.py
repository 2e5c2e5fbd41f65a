"""What cannot be answered is refused before its body is read: a client that sends 200 MB learns it at once."""

from collections.abc import AsyncIterator

import pytest

from tests.service.support.apps import App
from tests.service.support.problems import assert_problem

PATHS = ["/v1/models/nobody/predict", "/v1/models/tiny@7/predict/batch", "/v1/models/tiny@nobody/predict"]


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_ref_is_told_without_reading(app: App, path: str) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield b"x"

    response = await app.client.post(path, content=body(), headers={"content-type": "image/png"})
    assert_problem(response, 404, "not-found")
    assert read == []
