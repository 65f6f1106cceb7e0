"""A REST catalog of Iceberg: a catalog of pyiceberg in a SQLite file, served as far as DuckDB asks.

No catalog that others make is on the package index that these tests reach.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.table import CommitTableRequest

from ports import LOOPBACK


def sql_catalog(folder: Path) -> SqlCatalog:
    """The catalog in a folder, with the namespace `shop`."""
    catalog = SqlCatalog("lake", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
    catalog.create_namespace_if_not_exists("shop")
    return catalog


@contextmanager
def serving(folder: Path) -> Iterator[int]:
    """The port at which the catalog of a folder is served."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None: ...

        def do_HEAD(self) -> None:
            self._answer(None)

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes | None) -> None:
            try:
                code, answer = 200, _called(sql_catalog(folder), self.path, body)
            except NoSuchTableError as error:
                code, answer = 404, _error(error, 404)
            except CommitFailedException as error:
                code, answer = 409, _error(error, 409)
            text = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text)

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _error(error: Exception, code: int) -> dict[str, Any]:
    return {"error": {"message": str(error), "type": type(error).__name__, "code": code}}


def _called(catalog: SqlCatalog, path: str, body: bytes | None) -> dict[str, Any]:
    """What the catalog says to a request."""
    place = [unquote(part) for part in path.partition("?")[0].strip("/").split("/")[1:]]  # after v1
    match place:
        case ["config"]:
            return {"defaults": {}, "overrides": {}}
        case ["namespaces"]:
            return {"namespaces": [list(name) for name in catalog.list_namespaces()]}
        case ["namespaces", name]:
            return {"namespace": [name], "properties": {}}
        case ["namespaces", name, "tables"]:
            tables = [{"namespace": list(each[:-1]), "name": each[-1]} for each in catalog.list_tables(name)]
            return {"identifiers": tables}
        case ["namespaces", name, "tables", table]:
            found = catalog.load_table((name, table))
            if body is not None:
                asked = CommitTableRequest.model_validate_json(body)
                catalog.commit_table(found, asked.requirements, asked.updates)
                found = found.refresh()
            metadata = json.loads(found.metadata.model_dump_json(by_alias=True, exclude_none=True))
            return {"metadata-location": found.metadata_location, "metadata": metadata, "config": {}}
    raise NoSuchTableError(path)
