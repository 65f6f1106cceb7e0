"""Every line that `scorehouse mcp` is sent is answered or refused, also if input ends right after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="needs the extra mcp")

DEEP = b"[" * 9999 + b"]" * 9999
ROOT = Path(__file__).parents[3]
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "a client", "version": "1"},
}
# each line with the id and the code of its answer; 0 for a result, None for no answer
LINES: list[tuple[bytes, Any, int | None]] = [
    (b"hello", None, PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 100, "method": "ping"', None, PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 101, "method": "ping"}\0', None, PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 102, "method": "\\ud800"}', None, PARSE_ERROR),
    (b'{"jsonrpc": "2.0", "id": 103, "params": {"x": ' + DEEP + b"}}", None, PARSE_ERROR),
    (b'[{"jsonrpc": "2.0", "id": 104, "method": "ping"}]', None, INVALID_REQUEST),
    (b"null", None, INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 105}', 105, INVALID_REQUEST),
    (b'{"id": "106", "method": "ping"}', "106", INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 107, "method": "tools/call", "params": [1]}', 107, INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', None, INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 1.5, "method": "ping"}', None, INVALID_REQUEST),
    (b'{"jsonrpc": "2.0", "id": 108, "method": "resources/list"}', 108, METHOD_NOT_FOUND),
    (b'{"jsonrpc": "2.0", "id": 109, "method": "tools/call"}', 109, INVALID_PARAMS),
    (b'{"jsonrpc": "2.0", "id": 110, "method": "tools/call", "params": {"name": 5}}', 110, INVALID_PARAMS),
    (b'{"jsonrpc": "2.0", "id": 111, "method": "ping", "params": {"x": "\xff"}}', 111, 0),
    (b'{"jsonrpc": "2.0", "id": "a", "method": "ping"}\r', "a", 0),
    (b"", None, None),
    (b" \x0c", None, None),
    (b'{"jsonrpc": "2.0", "id": 112, "result": {}}', None, None),
    (b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": [1]}}', None, None),
    (b'{"jsonrpc": "2.0", "method": "notifications/cancelled"}', None, None),
    (b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}', None, None),
    *(
        (json.dumps({"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": one}).encode(), i, 0)
        for i, one in enumerate([{"name": "list_versions", "arguments": {}}, {"name": "list_runs"}] * 4)
    ),
]


def test_every_line_is_answered_or_refused() -> None:
    first = {"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": INITIALIZE}
    begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    lines = [*(json.dumps(one).encode() for one in (first, begun)), *(line for line, _, _ in LINES)]
    server = subprocess.run(
        [Path(sys.executable).with_name("scorehouse"), "mcp", "--project-dir", ROOT],
        input=b"\n".join(lines) + b"\n",
        capture_output=True,
        timeout=120,
    )
    assert server.returncode == 0 and b"Traceback" not in server.stderr, server.stderr
    answers = [json.loads(line) for line in server.stdout.splitlines()]
    found = sorted((repr(one["id"]), one.get("error", {}).get("code", 0)) for one in answers)
    expected = [(repr(id_), code) for _, id_, code in LINES if code is not None]
    assert found == sorted([*expected, (repr("first"), 0)])
    for one in answers:
        assert one["jsonrpc"] == "2.0" and one.get("error", {"message": "a result"})["message"]
