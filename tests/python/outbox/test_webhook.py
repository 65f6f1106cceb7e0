"""Alerts on their way to a real HTTP server: retries, idempotency keys, and the file of dead letters."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from project import DbtProject
from scorehouse.cli.main import main
from scorehouse.errors import ConfigurationError
from scorehouse.outbox.webhook import Post, check_url, key_of, read_dead_letters, send


@dataclass
class Receiver:
    """A web server: the answers that it gives next (then 204), and the requests that it got."""

    answers: list[int | str] = field(default_factory=list)
    got: list[tuple[str, Any]] = field(default_factory=list)
    url: str = ""
    after: str = "7"  # what 429 asks to wait

    def bodies(self) -> list[Any]:
        return [body for _, body in self.got]


@contextmanager
def listening(receiver: Receiver) -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append((self.headers["Idempotency-Key"], json.loads(body)))
            answer = receiver.answers.pop(0) if receiver.answers else 204
            if answer == "hang up":
                self.close_connection = True
                return
            if answer == "byte by byte":
                with suppress(OSError):
                    for byte in b"HTTP/1.1 204 No Content\r\n" + b"X-Slow: 1\r\n" * 40:
                        self.wfile.write(bytes([byte]))
                        time.sleep(0.05)
                return
            self.send_response(int(answer))
            if answer == 302:
                self.send_header("Location", "/elsewhere")
            if answer == 429:
                self.send_header("Retry-After", receiver.after)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/alerts"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening(Receiver()) as found:
        yield found


@pytest.fixture
def waits() -> list[float]:
    return []


def post(receiver: Receiver, waits: list[float], retries: int = 4) -> Post:
    return Post(receiver.url, retries, wait=waits.append)


def test_what_fails_for_a_while_is_tried_again(receiver: Receiver, waits: list[float]) -> None:
    receiver.answers[:] = [503, "hang up", 429, 500]
    done = post(receiver, waits).deliver('{"a": 1}', "k")
    assert done.delivered and (done.tries, done.status) == (5, 204)
    assert receiver.got == [("k", {"a": 1})] * 5
    assert 0.8 <= waits[0] <= 1.2 and 1.6 <= waits[1] <= 2.4 and waits[2] == 7 and 6.4 <= waits[3] <= 9.6


@pytest.mark.parametrize("answer", [400, 404, 302])
def test_what_is_refused_for_good_is_not_tried_again(
    answer: int, receiver: Receiver, waits: list[float]
) -> None:
    receiver.answers[:] = [answer]
    done = post(receiver, waits).deliver("{}", "k")
    assert not done.delivered and done.refused and done.tries == 1 and waits == []
    assert str(answer) in done.why and len(receiver.got) == 1


def test_what_was_not_delivered_is_kept_and_sent_first(
    receiver: Receiver, waits: list[float], tmp_path: Path
) -> None:
    letters = tmp_path / "letters.jsonl"
    receiver.answers[:] = [500] * 3
    odd = json.dumps({"n": "a\u2028b\u0085c"}, ensure_ascii=False)
    done, left = send(post(receiver, waits, 2), odd, "one", letters, "x")
    assert (done[0].tries, left) == (3, 1)
    (kept,) = read_dead_letters(letters, "x")
    assert (kept["key"], kept["payload"], kept["tries"]) == ("one", odd, 3)
    assert "127.0.0.1" not in letters.read_text()  # the address may be a secret
    receiver.answers[:] = [500] * 3
    assert send(post(receiver, waits, 2), '{"n": 2}', "two", letters, "x")[1] == 2
    receiver.got.clear()
    assert send(post(receiver, waits), '{"n": 2}', "two", letters, "x")[1] == 0  # which is there once
    assert receiver.got == [("one", json.loads(odd)), ("two", {"n": 2})] and not letters.exists()


def test_a_payload_that_is_refused_does_not_hold_up_the_others(
    receiver: Receiver, waits: list[float], tmp_path: Path
) -> None:
    letters = tmp_path / "letters.jsonl"
    receiver.answers[:] = [400]
    send(post(receiver, waits), '{"n": 1}', "one", letters, "x")
    receiver.answers[:] = [400, 204]
    done, left = send(post(receiver, waits), '{"n": 2}', "two", letters, "x")
    assert [each.delivered for each in done] == [False, True] and left == 1
    assert [each["key"] for each in read_dead_letters(letters, "x")] == ["one"]


@pytest.mark.parametrize(
    ("after", "low", "high"),
    [
        ("nan", 0.8, 1.2),
        ("-5", 0.8, 1.2),
        ("inf", 0.8, 1.2),
        ("soon", 0.8, 1.2),
        ("1e9", 60, 60),
        ("Fri, 31 Dec 2999 23:59:59 GMT", 60, 60),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.8, 1.2),
    ],
)
def test_no_word_of_a_server_loses_an_alert(
    receiver: Receiver, waits: list[float], tmp_path: Path, after: str, low: float, high: float
) -> None:
    receiver.answers, receiver.after = [429], after
    done, left = send(post(receiver, waits), '{"alerts": 1}', "a", tmp_path / "letters.jsonl", "x")
    assert (done[0].delivered, done[0].tries, left) == (True, 2, 0)
    assert len(waits) == 1 and low <= waits[0] <= high


def test_a_server_that_answers_byte_by_byte_is_left_in_time(
    receiver: Receiver, waits: list[float], tmp_path: Path
) -> None:
    receiver.answers = ["byte by byte", "byte by byte"]
    patient, began = Post(receiver.url, 1, timeout=0.5, wait=waits.append), time.monotonic()
    done, left = send(patient, '{"alerts": 1}', "a", tmp_path / "letters.jsonl", "x")
    assert time.monotonic() - began < 5
    assert (done[0].delivered, left, done[0].why) == (False, 1, "no whole answer in 0.5 seconds")
    assert read_dead_letters(tmp_path / "letters.jsonl", "x")[0]["payload"] == '{"alerts": 1}'


def test_tries_end_with_the_deadline(receiver: Receiver, waits: list[float]) -> None:
    receiver.answers, receiver.after = [429] * 9, "30"
    hasty = Post(receiver.url, 9, wait=waits.append, deadline=20)
    delivery = hasty.deliver("{}", "a")
    assert (delivery.delivered, delivery.tries, delivery.status, waits) == (False, 1, 429, [])


def test_where_nothing_can_be_kept_an_alert_is_sent(
    receiver: Receiver, waits: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # as in a container whose disk is read-only
    letters = tmp_path / "letters.jsonl"
    done, left = send(post(receiver, waits), '{"alerts": 1}', "a", letters, "x")
    assert (done[0].delivered, left, receiver.bodies()) == (True, 0, [{"alerts": 1}])


def test_calls_at_once_lose_nothing(receiver: Receiver, waits: list[float], tmp_path: Path) -> None:
    """Forty calls of eight at a time, while the server takes nothing; then one that sends all."""
    letters = tmp_path / "letters.jsonl"
    receiver.answers = [503] * 40

    def call(number: int) -> None:
        send(post(receiver, waits, retries=0), json.dumps({"alerts": number}), f"key-{number}", letters, "x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(40)))
    kept = {json.loads(each["payload"])["alerts"] for each in read_dead_letters(letters, "x")}
    assert kept == set(range(40))
    done, left = send(post(receiver, waits), None, "", letters, "x")
    assert (len(done), left, letters.exists()) == (40, 0, False)


def test_no_server_is_a_reason(waits: list[float], tmp_path: Path) -> None:
    letters = tmp_path / "letters.jsonl"
    with listening(Receiver()) as gone:
        pass
    done, left = send(post(gone, waits, 1), "{}", "k", letters, "x")
    assert left == 1 and done[0].status is None and "refused" in done[0].why


def test_keys_and_bad_input(tmp_path: Path) -> None:
    one = {"made_at": "2026-01-01", "alerts": [1]}
    assert key_of(one) == key_of({**one, "made_at": "2026-01-02"}) != key_of({**one, "alerts": [2]})
    for url in ("ftp://x/y", "no address", "https://"):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            check_url(url, "x")
    check_url("https://hooks.example.com/secret", "x")
    (tmp_path / "odd").write_text("odd\n")
    with pytest.raises(ConfigurationError, match="is no file of undelivered alerts"):
        read_dead_letters(tmp_path / "odd", "x")


@pytest.mark.slow
def test_alerts_are_sent_by_the_command(
    monitored_project: DbtProject, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def alerts(*words: str, code: int = 0) -> Result:
        place = ("--database", str(monitored_project.database), "--to", receiver.url)
        ended = CliRunner().invoke(main, ["export", "alerts", *place, *words])
        assert ended.exit_code == code, ended.output
        return ended

    assert alerts("wide").output == "sent: 1 payload\n"
    sent = json.loads(alerts("wide", "--json", "--output", "copy.json").output)
    assert sent["sent"] == 1
    (first, second), (body, _) = [key for key, _ in receiver.got], receiver.bodies()
    assert first == second == sent["idempotency_key"] and body["alerts"] and body["source"] == "scorehouse"
    assert json.loads(Path("copy.json").read_text())["alerts"] == body["alerts"]
    receiver.answers[:] = [404]
    said = alerts("wide", code=1).output
    assert "1 payload of alerts was not delivered (HTTP 404" in said and "What to do: " in said
    assert receiver.url not in said and Path("undelivered_alerts.jsonl").exists()
    assert alerts("bare").output == "sent: 1 payload\n"  # it has no alert: the dead letter went out
    assert alerts("bare").output == "nothing to send\n"
    assert alerts("wide", "--exit-code", code=3).output == "sent: 1 payload\n"
