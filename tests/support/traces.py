"""A collector of traces."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)


class Receiver(BaseHTTPRequestHandler):
    """Takes what exporters post: OTLP's protobuf, and Application Insights' JSON."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        cast(Any, self.server).posted.append((self.path, body))
        count = body.count(b"\n") + 1
        insights = json.dumps({"itemsReceived": count, "itemsAccepted": count, "errors": []}).encode()
        answer = ExportTraceServiceResponse().SerializeToString() if self.path == "/v1/traces" else insights
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (its name for it)
        """Nothing."""


@contextmanager
def receiving() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.posted = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", server.posted
    finally:
        server.shutdown()
