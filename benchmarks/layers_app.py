"""The service that `benchmarks.layers` measures: FastAPI on uvicorn, and one way to record its calls.

`python -m benchmarks.layers_app WAY FOLDER` prints its port when it listens. WAY: a name of `WAYS`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from modeldata import Archive, Recorder
from modeldata.service.asgi import Archiving

CHUNKS, GAP_SECONDS = 40, 0.01


def service(collect: Callable[[Any, Any], None]) -> FastAPI:
    app = FastAPI()

    @app.post("/predict")
    async def predict(request: Request) -> dict[str, list[float]]:
        rows = await request.json()
        scores = [sum(row.values()) for row in rows]
        collect(rows, scores)
        return {"scores": scores}

    @app.post("/v1/completions")
    async def stream() -> StreamingResponse:
        async def chunks() -> AsyncIterator[str]:
            for number in range(CHUNKS):
                yield f'data: {{"text": "{number} "}}\n\n'
                await asyncio.sleep(GAP_SECONDS)
            yield "data: [DONE]\n\n"

        return StreamingResponse(chunks(), media_type="text/event-stream")

    return app


def _nothing(rows: Any, scores: Any) -> None:
    pass


def _bare(archive: Archive) -> Any:
    return service(_nothing)


def _by_hand(archive: Archive) -> Any:
    inputs, predictions = archive.collector("m", "inputs"), archive.collector("m", "predictions")

    def collect(rows: Any, scores: Any) -> None:
        inputs.collect(rows)
        predictions.collect(scores)

    return service(collect)


def _layer(archive: Archive) -> Any:
    return Archiving(service(_nothing), Recorder("m", archive=archive))


def _sampled_out(archive: Archive) -> Any:
    return Archiving(service(_nothing), Recorder("m", archive=archive, sample=0.0))


def _traced(archive: Archive) -> Any:
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    return OpenTelemetryMiddleware(service(_nothing), tracer_provider=provider)


WAYS: dict[str, Callable[[Archive], Any]] = {
    "nothing": _bare,
    "nothing, a second process": _bare,
    "two collect() by hand": _by_hand,
    "a recorder around it": _layer,
    "a recorder, sampled out": _sampled_out,
    "OpenTelemetry's layer": _traced,
}


def main() -> None:
    app = WAYS[sys.argv[1]](Archive(Path(sys.argv[2]) / "archive", ship="off", min_free_bytes=0))
    listening = socket.create_server(("127.0.0.1", 0))
    os.write(1, f"{listening.getsockname()[1]}\n".encode())
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=3600)).run(sockets=[listening])


if __name__ == "__main__":
    main()
