"""Spans of requests: a real exporter tells a real receiver of routes and statuses, and of no text."""

import socket
import time
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from support.serving import FILM, serving
from support.traces import receiving

SECRET = "zanzibarmarker"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_spans_say_route_and_status_and_no_text(project: Path) -> None:
    with receiving() as (address, posted):
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_SERVICE_NAME": "films",
            "OTEL_BSP_SCHEDULE_DELAY": "3600000",  # so that only the stop sends them
            "APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={'0' * 8}-0000-4000-8000-{'0' * 12};"
            f"IngestionEndpoint={address}/",
            "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
        }
        with serving(project, **told) as server:
            asked = {"texts": [f"{FILM} {SECRET}"], "model": "reviews"}
            assert server.call("POST", f"/predict?text={SECRET}", asked, traceparent=PARENT)[0] == 200
            assert server.call("POST", "/predict", {"texts": SECRET})[0] == 422
            assert server.call("GET", f"/v2/models/{SECRET}/ready")[0] >= 400
            assert server.call("GET", f"/{SECRET}?%ff=%ff")[0] == 404
            assert server.call("POST", "/feedback", {"text": SECRET, "label": SECRET, "model": "reviews"})[0] == 422
            assert server.call("GET", "/readyz")[0] == 200
            assert not [path for path, _ in posted if path == "/v1/traces"]
        traces = [ExportTraceServiceRequest.FromString(body) for path, body in posted if path == "/v1/traces"]
        insights = b"".join(body for path, body in posted if path != "/v1/traces").decode()
        assert SECRET.encode() not in b"".join(body for _, body in posted)
    resources = [one for trace in traces for one in trace.resource_spans]
    assert {values(one.resource.attributes)["service.name"] for one in resources} == {"films"}
    spans = [span for one in resources for scope in one.scope_spans for span in scope.spans]
    found = [(span.name, values(span.attributes)["http.status_code"]) for span in spans]
    assert found.count(("POST /predict", 200)) == found.count(("POST /predict", 422)) == 1
    assert ("GET /v2/models/{name}/ready", 404) in found
    assert ("GET /(other)", 404) in found
    assert ("POST /feedback", 422) in found
    assert ("GET /readyz", 200) in found
    [asked_with] = [span for span in spans if span.trace_id.hex() == PARENT.split("-")[1]]  # goes on with the caller's
    assert values(asked_with.attributes)["http.route"] == "/predict"
    assert '"baseType":"RequestData"' in insights.replace(" ", "")
    assert "POST /predict" in insights


def test_a_dead_collector_costs_nobody_anything(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        with serving(project, **told) as server:
            slowest = 0.0
            for _ in range(100):
                begun = time.perf_counter()
                assert server.call("POST", "/predict", {"texts": [FILM], "model": "reviews"})[0] == 200
                slowest = max(slowest, time.perf_counter() - begun)
            assert slowest < 3
            begun = time.perf_counter()
            server.process.terminate()
            server.process.wait(30)
        assert time.perf_counter() - begun < 20
