"""Deliver a JSON payload to a URL: with retries, an idempotency key, a file of dead letters."""

from __future__ import annotations

import json
import math
import os
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from scorehouse.errors import ConfigurationError
from scorehouse.evidence.canonical import from_lines, in_bytes, to_lines
from scorehouse.registration.lock import holding
from scorehouse.registry.seeds import replace_file

AGAIN = (408, 425, 429)  # and 5xx: the same request may succeed later
LONGEST = 60.0  # seconds between two tries
Answer = tuple[int | None, str, float]  # its status, why it is none, and the seconds that it asks to wait


@dataclass(frozen=True)
class Delivery:
    """How a payload was delivered: the status of the last answer (None: there was none), and why it failed.

    `refused`: the server will not take it, however often it is sent.
    """

    delivered: bool
    tries: int
    status: int | None
    why: str
    refused: bool = False


@dataclass(frozen=True)
class Post:
    """Where to deliver, and how often to try again: after `pause` seconds, then twice as long each time."""

    url: str
    retries: int = 4
    pause: float = 1.0
    timeout: float = 10.0  # for the whole of an answer
    wait: Callable[[float], object] = time.sleep
    deadline: float = 180.0  # seconds for all tries and pauses of one payload

    def deliver(self, payload: str, key: str) -> Delivery:
        """Try until the server takes the payload, refuses it for good, or no try is left."""
        number, end = 0, time.monotonic() + self.deadline
        while True:
            number += 1
            status, why, after = self._try(payload, key)
            if status is not None and 200 <= status < 300:
                return Delivery(True, number, status, "")
            if status is not None and status < 500 and status not in AGAIN:
                return Delivery(False, number, status, why, refused=True)
            doubled = self.pause * 2 ** (number - 1)
            pause = min(max(after, doubled * random.uniform(0.8, 1.2)), LONGEST)
            if number > self.retries or time.monotonic() + pause > end:
                return Delivery(False, number, status, why)
            self.wait(pause)

    def _try(self, payload: str, key: str) -> Answer:
        """One request. A server that answers byte by byte, each in time, is left after `timeout` too."""
        answers: SimpleQueue[Answer] = SimpleQueue()
        Thread(target=lambda: answers.put(self._asked(payload, key)), daemon=True).start()
        try:
            return answers.get(timeout=self.timeout)
        except Empty:
            return None, f"no whole answer in {self.timeout:g} seconds", 0.0

    def _asked(self, payload: str, key: str) -> Answer:
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "scorehouse"}
        request = urllib.request.Request(self.url, in_bytes(payload), headers, method="POST")
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout) as answer:
                return answer.status, "", 0.0
        except urllib.error.HTTPError as error:
            return error.code, f"HTTP {error.code} {error.reason}", _after(error.headers)
        except (OSError, HTTPException, ValueError) as error:  # URLError and timeouts are OSErrors
            return None, str(getattr(error, "reason", None) or error) or type(error).__name__, 0.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET without the payload."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def check_url(url: str, call: str) -> None:
    """Refuse what is no address of a web server."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            call,
            f"the address {parts.scheme + '://...' if parts.scheme else url!r} cannot be used",
            expected="a URL that begins with https:// or http://",
            action="correct --to",
        )


def key_of(payload: dict[str, Any]) -> str:
    """The same for the same alerts, whenever they are sent: a receiver can drop what it has already."""
    lasting = {name: value for name, value in payload.items() if name != "made_at"}
    return sha256(json.dumps(lasting, sort_keys=True, default=str).encode()).hexdigest()


def read_dead_letters(file: Path, call: str) -> list[dict[str, Any]]:
    """What was not delivered before, oldest first."""
    if not file.is_file():
        return []
    try:
        found = from_lines(file.read_bytes())
        _ = [(each["key"], each["payload"]) for each in found]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            call,
            f"{str(file)!r} is no file of undelivered alerts ({error})",
            expected="the file that this command wrote, one JSON object per line",
            action="move it away, or name another one with --dead-letters",
        ) from error
    return found


def send(post: Post, payload: str | None, key: str, letters: Path, call: str) -> tuple[list[Delivery], int]:
    """Deliver what was left over before, then `payload`; returns the deliveries, and how many are left.

    What the server refuses for good is kept, and the next one is tried. If the server does not answer, all
    others are kept without a try, so their order is kept too. The file has no URL, which may be a secret. One
    call at a time has the file, and a payload is in it before it is sent, so that a kill loses none.
    """
    if not letters.exists():
        if payload is None:
            return [], 0
        if not os.access(letters.parent, os.W_OK):  # nothing can be kept, so it is at least tried
            delivery = post.deliver(payload, key)
            if delivery.delivered:
                return [delivery], 0
    with holding(letters.with_name(f"{letters.name}.lock"), call):
        queue = read_dead_letters(letters, call)
        if payload is not None and key not in {each["key"] for each in queue}:
            queue.append({"key": key, "payload": payload})
        return _sent(post, queue, letters)


def _sent(post: Post, queue: list[dict[str, Any]], letters: Path) -> tuple[list[Delivery], int]:
    done: list[Delivery] = []
    left: list[dict[str, Any]] = []
    with suppress(OSError):  # a full disk is no reason not to send
        _write(letters, queue)
    while queue:
        delivery = post.deliver(queue[0]["payload"], queue[0]["key"])
        done.append(delivery)
        letter = queue.pop(0)
        if not delivery.delivered:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            left.append({**letter, "failed_at": now, "why": delivery.why, "tries": delivery.tries})
        _write(letters, [*left, *queue])
        if not delivery.delivered and not delivery.refused:
            break
    return done, len(left) + len(queue)


def _write(file: Path, letters: list[dict[str, Any]]) -> None:
    if letters:
        replace_file(file, to_lines(letters))
    else:
        file.unlink(missing_ok=True)


def _after(headers: Message) -> float:
    """The seconds that `Retry-After` asks to wait: a number, or the time until a date. 0 if it is neither."""
    asked = headers.get("Retry-After") or "0"
    with suppress(ValueError):
        seconds = float(asked)
        return seconds if math.isfinite(seconds) else 0.0
    try:
        return (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
