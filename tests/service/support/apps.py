"""The whole service inside the test's process: no socket, everything else real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from service.app import create_app
from service.deps import Services
from service.settings import Settings


@dataclass(frozen=True, slots=True)
class App:
    """A running app and a client that speaks to it."""

    app: FastAPI
    client: httpx.AsyncClient

    @property
    def services(self) -> Services:
        """What it consists of."""
        services: Services = self.app.state.services
        return services

    async def metric(self, name: str) -> float:
        """The value of one sample, written as /metrics writes it; 0 when it is not there."""
        for line in (await self.client.get("/metrics")).text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0


@asynccontextmanager
async def running_app(settings: Settings) -> AsyncIterator[App]:
    """Start the app's lifespan, and end it."""
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client,
    ):
        yield App(app, client)
