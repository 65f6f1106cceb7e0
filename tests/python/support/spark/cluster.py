"""A standalone Spark cluster on loopback, one master and two workers, from the pyspark wheel alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pyspark

from ports import LOOPBACK, free_port

HERE = Path(__file__).parents[1]  # so that workers find `spark.estimators`
HOME = Path(pyspark.__file__).parent


def wait_for(true: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.2)


def environment() -> dict[str, str]:
    """Loopback only, and this Python on both sides; the estimators of the tests can be imported."""
    return {
        **os.environ,
        "SPARK_HOME": str(HOME),
        "SPARK_LOCAL_IP": LOOPBACK,
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }


def descendants(roots: list[int]) -> dict[int, str]:
    """These processes and all below them, each with its command."""
    parents, commands = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            commands[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
    found = set(roots) & commands.keys()
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return {pid: commands[pid] for pid in found}


class Cluster:
    """Processes of Spark, started by `start` and ended, each by its own id, by `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.logs: list[IO[bytes]] = []

    @property
    def url(self) -> str:
        return f"spark://{LOOPBACK}:{self.port}"

    def start(self, workers: int = 2) -> Cluster:
        place = ["--host", LOOPBACK, "--port"]
        self.launch("master", "deploy.master.Master", *place, str(self.port), "--webui-port", "0")
        for number in range(workers):
            limits = ["--cores", "1", "--memory", "3g", "--webui-port", "0", "--host", LOOPBACK]
            work = ["--work-dir", str(self.folder / f"work{number}")]
            self.launch(f"worker{number}", "deploy.worker.Worker", *limits, *work, self.url)
        registered = lambda: self.log("master").count("Registering worker") == workers  # noqa: E731
        wait_for(registered, 120, "the workers did not register")
        return self

    def connect_server(self, settings: dict[str, str]) -> str:
        """Start Spark Connect on the cluster; returns the URL of its sessions."""
        port = free_port()
        given = {**settings, "spark.connect.grpc.binding.port": str(port), "spark.master": self.url}
        given["spark.connect.grpc.binding.address"] = LOOPBACK
        flags = [part for name, value in given.items() for part in ("--conf", f"{name}={value}")]
        server = "org.apache.spark.sql.connect.service.SparkConnectServer"
        self.launch("connect", "deploy.SparkSubmit", *flags, "--class", server, "spark-internal")
        wait_for(lambda: "server started at" in self.log("connect"), 180, "Spark Connect did not start")
        return f"sc://{LOOPBACK}:{port}"

    def launch(self, name: str, main: str, *arguments: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        command = [str(HOME / "bin" / "spark-class"), f"org.apache.spark.{main}", *arguments]
        self.logs.append(log)
        self.processes.append(
            subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment(), cwd=self.folder
            )
        )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def descendants(self, text: str) -> list[int]:
        """Processes of this cluster, and below, whose command holds `text`."""
        own = descendants([process.pid for process in self.processes])
        return sorted(pid for pid, command in own.items() if text in command)

    def stop(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        for log in self.logs:
            log.close()
