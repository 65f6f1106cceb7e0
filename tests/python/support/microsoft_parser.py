"""Microsoft's own parser of T-SQL: the language service within the wheel of mssql-cli, on Linux and x86-64.

It knows the grammar of 2020, and no limits such as that of nested cases. It asks for OpenSSL 1.1, which an
old wheel of psycopg2 has.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

WHEELS = {"mssql-cli==1.0.0": "manylinux1_x86_64", "psycopg2-binary==2.9.2": "manylinux2014_x86_64"}
SERVICE = "mssqlcli/mssqltoolsservice/bin/MicrosoftSqlToolsServiceLayer"


class MicrosoftParser:
    """The service, unpacked and started in a folder."""

    def __init__(self, folder: Path) -> None:
        for wheel, platform in WHEELS.items():
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
            place = ["--python-version", "3.9", "--platform", platform, "--dest", str(folder)]
            subprocess.run([*pip, *place, wheel], check=True)
        for file in folder.glob("*.whl"):
            zipfile.ZipFile(file).extractall(folder)
        libraries = folder / "psycopg2_binary.libs"
        for name in ("libssl", "libcrypto"):
            (found,) = libraries.glob(f"{name}-*.so.1.1")
            (libraries / f"{name}.so.1.1").symlink_to(found)
        (folder / SERVICE).chmod(0o755)
        settings = {"LD_LIBRARY_PATH": str(libraries), "HOME": str(folder)}
        settings |= {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
        self.process = subprocess.Popen(
            [str(folder / SERVICE), "--log-file", str(folder / "service.log")],
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.opened = 0
        self._send("initialize", {"processId": os.getpid(), "capabilities": {}}, id=1)
        while "result" not in self._read():
            pass

    def faults(self, sql: str) -> list[str]:
        """The syntax errors of a statement."""
        self.opened += 1
        uri = f"file:///{self.opened}.sql"
        document = {"uri": uri, "languageId": "sql", "version": 1, "text": sql}
        self._send("textDocument/didOpen", {"textDocument": document})
        while True:
            found = self._read().get("params", {})
            if found.get("uri") == uri and "diagnostics" in found:
                return [each["message"] for each in found["diagnostics"]]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _send(self, method: str, params: dict[str, Any], **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        size = 0
        while line := self.process.stdout.readline().strip():
            size = int(line.split(b":")[1]) if line.lower().startswith(b"content-length") else size
        assert size, "the service has ended"
        found: dict[str, Any] = json.loads(self.process.stdout.read(size))
        return found
