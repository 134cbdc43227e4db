"""What the controller says over HTTP: /metrics for Prometheus, /healthz, /readyz."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from common.errors import SliceplaneError, Unavailable
from controller.metrics import Metrics
from controller.ports import Leader, PlaneStore


class HttpServer:
    """Serves on one address; `port` is the bound port once started."""

    def __init__(self, plane: PlaneStore, leader: Leader, metrics: Metrics) -> None:
        self._plane, self._leader, self._metrics = plane, leader, metrics
        app = web.Application()
        app.router.add_get("/metrics", self._serve_metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        self._runner = web.AppRunner(app, access_log=None)
        self.port = 0

    async def start(self, address: str) -> None:
        """Listens on "host:port". Unavailable if it cannot."""
        host, _, port = address.rpartition(":")
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host.strip("[]"), int(port)).start()
        except (OSError, ValueError) as error:
            raise Unavailable(f"cannot listen on {address}: is the port taken? choose another --http-listen") from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stops listening."""
        await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        try:
            epoch = await self._plane.leading_epoch()
        except SliceplaneError as error:
            return web.Response(status=503, text=f"not ready: {error.message}\n")
        if not epoch:
            return web.Response(status=503, text="not ready: no controller leads yet\n")
        role = "leads" if self._leader.epoch else "follows"
        return web.Response(text=f"ready: {role}, epoch {epoch}\n")

    async def _serve_metrics(self, _request: web.Request) -> web.Response:
        self._metrics.leader.set(1 if self._leader.epoch else 0)
        try:
            await self._metrics.read(self._plane)
            self._metrics.database_up.set(1)
        except SliceplaneError:
            self._metrics.database_up.set(0)
        return web.Response(body=generate_latest(self._metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
