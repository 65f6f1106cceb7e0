"""The seal of a run log: a file in version control, whose lines are a hash chain over the finished runs.

Each line has the SHA-256 of one row and of the line before it. So a row or a line that is changed, dropped,
inserted or moved afterwards is found. Nobody who can write to the warehouse can write to this file; its last
digest, the head, is in Git, in every evidence pack and wherever else it was kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError
from scorehouse.evidence.canonical import canonical, digest, from_lines, row_digest

NOTHING = "0" * 64  # what the first line follows
RUN, SEAL, PRUNED, FORGOTTEN = "run", "seal", "pruned", "forgotten"
NEEDED = {
    RUN: {"run_id", "row"},
    SEAL: {"at", "open"},
    PRUNED: {"runs", "reason"},
    FORGOTTEN: {"runs", "rows"},
}
STARTED = "started"
VERSION = ("model_name", "model_version", "alias_asked")
CLOCK_SKEW = timedelta(minutes=5)  # between the machine that scored and the one that sealed

Row = Mapping[str, Any]
Line = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What is wrong: a row `changed`, `dropped` or `inserted`, or the `chain` of the file (without a run)."""

    kind: str
    run_id: str
    text: str


def link(line: Mapping[str, Any], before: str) -> Line:
    """The line with the digest of the line before it, and with its own."""
    chained = {**line, "previous": before}
    return {**chained, "digest": digest(canonical(chained))}


def head(lines: Sequence[Line]) -> str:
    """The digest of the last line, on which all lines depend."""
    return str(lines[-1]["digest"]) if lines else NOTHING


def sealed(
    lines: Sequence[Line],
    rows: Iterable[Row],
    now: datetime,
    *,
    pruned: str = "",
    late: str = "",
    forgotten: Mapping[str, int] | None = None,
) -> list[Line]:
    """The lines to append: one per finished run that has none yet, then one for this seal.

    `pruned` is the reason why sealed rows are gone, and `late` why rows of the time before the last seal are
    new; without them such rows stay findings. `forgotten` is the number of rows that each run has forgotten
    now: what of its row could be traced to them is gone, so it has another digest. Rows that are still
    `started` are listed as open. Empty if nothing is new.
    """
    rows = list(rows)
    known = {line["run_id"] for line in lines if line["kind"] == RUN}
    finished = _finished(rows)
    known |= {each.run_id for each in inserted(lines, finished)} if not late else set()
    fresh = [row for row in finished if str(row["run_id"]) not in known]
    named = ("run_id", "parent_run_id", "started_at")
    added: list[Line] = [
        {"kind": RUN, **{name: str(row[name]) for name in named}, "row": row_digest(row)}
        for row in sorted(fresh, key=lambda row: (str(row["started_at"]), str(row["run_id"])))
    ]
    gone = sorted(_alive(lines) - {str(row["run_id"]) for row in finished})
    if gone and pruned:
        added.append({"kind": PRUNED, "runs": gone, "reason": pruned})
    digests = {str(row["run_id"]): row_digest(row) for row in finished}
    if runs := {run: digests[run] for run in sorted({*(forgotten or {})} & _alive(lines) & {*digests})}:
        added.append({"kind": FORGOTTEN, "runs": runs, "rows": sum((forgotten or {})[run] for run in runs)})
    if not added:
        return []
    note: Line = {"kind": SEAL, "at": now.astimezone(UTC).isoformat(timespec="seconds"), "open": _open(rows)}
    chained: list[Line] = []
    for line in [*added, note | ({"late": late} if late else {})]:
        before = head(chained) if chained else head(lines)
        chained.append(link({"number": len(lines) + len(chained) + 1, **line}, before))
    return chained


def findings(lines: Sequence[Line], rows: Iterable[Row]) -> list[Finding]:
    """What was altered since the log was sealed, in the file and in the rows."""
    finished = _finished(rows)
    found = chain_findings(lines)
    digests: dict[str, set[str]] = {}
    for row in finished:
        digests.setdefault(str(row["run_id"]), set()).add(row_digest(row))
    alive, expected = _alive(lines), row_digests(lines)
    for line in (line for line in lines if line["kind"] == RUN):
        run_id = str(line["run_id"])
        now = digests.get(run_id)
        if now is None and run_id in alive:
            found.append(Finding("dropped", run_id, f"the run {run_id} was sealed and is gone"))
        elif now is not None and now != {expected[run_id]}:
            text = f"the row of the run {run_id} was changed after its seal"
            found.append(Finding("changed", run_id, text))
        elif now is not None and run_id not in alive:
            found.append(Finding("inserted", run_id, f"the run {run_id} was pruned and is back"))
    twice = len(finished) - len(digests)
    if twice:
        found.append(Finding("inserted", "", f"{twice} rows have the id of another finished run"))
    return [*found, *inserted(lines, finished)]


def row_digests(lines: Sequence[Line]) -> dict[str, str]:
    """The digest that the row of each sealed run must have: of one that has forgotten rows, the last."""
    digests: dict[str, str] = {}
    for line in lines:
        if line["kind"] == RUN:
            digests[str(line["run_id"])] = line["row"]
        elif line["kind"] == FORGOTTEN:
            digests |= line["runs"]
    return digests


def rows_forgotten(lines: Sequence[Line]) -> int:
    """How many rows the sealed runs have forgotten."""
    return sum(int(line["rows"]) for line in lines if line["kind"] == FORGOTTEN)


def chain_findings(lines: Sequence[Line]) -> list[Finding]:
    """The first line that breaks the chain of the file; empty if the chain is whole.

    Lines after the first break are not checked: each depends on the line before it.
    """
    before = NOTHING
    for place, line in enumerate(lines, 1):
        body = {name: value for name, value in line.items() if name not in ("digest", "previous")}
        if line.get("previous") != before:
            return [Finding("chain", "", f"line {place} does not follow the line before it")]
        if link(body, before) != line or line.get("number") != place:
            return [Finding("chain", "", f"line {place} was changed")]
        before = str(line["digest"])
    if lines and lines[-1]["kind"] != SEAL:
        return [Finding("chain", "", f"the last line, {len(lines)}, ends no seal: lines are missing")]
    return []


def head_finding(lines: Sequence[Line], known_head: str) -> list[Finding]:
    """Whether a head that was kept elsewhere is in the chain; if not, the file was cut or written anew."""
    if known_head == NOTHING or any(line.get("digest") == known_head for line in lines):
        return []
    return [Finding("chain", "", f"no line has the digest {known_head}: the file was cut, or written anew")]


def inserted(lines: Sequence[Line], finished: Sequence[Row]) -> list[Finding]:
    """Finished runs from the time before the last seal which neither had ended nor were open then.

    A run that was open is closed once: until the next seal, by rows of its node that began with it, one per
    version. What says that it began later than `CLOCK_SKEW` before the last seal passes as new.
    """
    seals = [line for line in lines if line["kind"] == SEAL]
    if not seals:
        return []
    known = {line["run_id"] for line in lines if line["kind"] == RUN}
    limit = datetime.fromisoformat(seals[-1]["at"]).replace(tzinfo=None) - CLOCK_SKEW
    closed: set[tuple[str, ...]] = set()
    found = []
    for row in finished:
        run_id = str(row["run_id"])
        if run_id in known or _moment(row["started_at"]) >= limit:
            continue
        opened = [
            parent
            for parent in {run_id, str(row["parent_run_id"])}
            if parent in seals[-1]["open"] and _closes(row, *seals[-1]["open"][parent])
        ]
        closes = {(parent, *(str(row.get(name)) for name in VERSION)) for parent in opened}
        if not closes or closes & closed:
            text = (
                f"the run {run_id} says it began at {row['started_at']}, and was not there at the last seal"
            )
            found.append(Finding("inserted", run_id, text))
        closed |= closes
    return found


def read_seal(file: Path, call: str) -> list[Line]:
    """The lines of a seal; empty if there is no file yet. ConfigurationError if it is no seal."""
    if not file.is_file():
        return []
    try:
        lines = from_lines(file.read_bytes())
        if not all(isinstance(line, dict) and NEEDED[line["kind"]] <= set(line) for line in lines):
            raise ValueError("a line lacks what its kind has")
        if not all(isinstance(line["open"], dict) for line in lines if line["kind"] == SEAL):
            raise ValueError("it does not say when and where open runs began")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            call,
            f"{str(file)!r} is no seal of a run log ({error})",
            expected="a file that `scorehouse evidence seal` has written, one JSON object per line",
            action="restore it from version control",
        ) from error
    return lines


def _finished(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["status"] != STARTED]


def _open(rows: Sequence[Row]) -> dict[str, list[str]]:
    """When and where runs began that have no other row; on Spark, the row that a run began with stays."""
    ended = {str(row["parent_run_id"]) for row in rows if row["status"] != STARTED}
    began = {
        str(row["parent_run_id"]): [_moment(row["started_at"]).isoformat(), str(row["node"])]
        for row in rows
        if row["status"] == STARTED
    }
    return {parent: began[parent] for parent in sorted(began.keys() - ended)}


def _closes(row: Row, began: str, node: str) -> bool:
    """Whether a row is of the run that began then: where dbt writes its start, that is by another clock."""
    apart = _moment(row["started_at"]) - _moment(began)
    return str(row["node"]) == node and -CLOCK_SKEW < apart < CLOCK_SKEW


def _alive(lines: Sequence[Line]) -> set[str]:
    """Runs that are sealed, and not known to be pruned."""
    pruned = {str(run) for line in lines if line["kind"] == PRUNED for run in line["runs"]}
    return {str(line["run_id"]) for line in lines if line["kind"] == RUN} - pruned


def _moment(value: Any) -> datetime:
    if value is None:  # no run of ours
        return datetime.min
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
