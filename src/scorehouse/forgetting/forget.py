"""Forget persons: search every place, take them out, search again, and certify what was found and done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from scorehouse.errors import ConfigurationError, did_you_mean, listed
from scorehouse.evidence.canonical import to_lines
from scorehouse.evidence.seal import FORGOTTEN, SEAL, Line, findings, read_seal, sealed
from scorehouse.forgetting import files, tables
from scorehouse.forgetting.people import Key, People
from scorehouse.forgetting.rewrite import bytes_found, written_anew
from scorehouse.forgetting.runs import TEXTS, Traces, forget_in_runs, forgotten_before, texts_of, traces_of
from scorehouse.forgetting.tables import BACKGROUND, Table
from scorehouse.project.forgotten import Secret
from scorehouse.project.run_log_place import rows_of
from scorehouse.registry.seeds import replace_file

LEFT = "left"
# What no search from here can reach.
BEYOND = (
    "backups of the database and of these files",
    "clones and the history of the Git repository",
    "evidence packs and exports that were handed over, and tables of other systems until the next export",
    f"hidden folders and {', '.join(files.NOT_SEARCHED)}, which are not searched",
    "fingerprints and scores of runs into tables that had lost the person before",
    "older snapshots of a lake, until they are expired",
    "the other targets of this project: call this once for each of them",
    "predict() in a view, which scores what is in the feature table: the person has to leave that",
    "`scorehouse retrain` by a query without the key, which learns from what is in the feature table",
)


@dataclass(frozen=True)
class Place:
    """A place that was searched: how often it had the persons, and what was done; `left` says why not."""

    place: str
    kind: str
    searched: str
    found: int = 0
    done: str = ""
    why: str = ""
    remaining: int = 0


@dataclass(frozen=True)
class Job:
    """What to forget, and where: the files of databases, the run log, folders, and the seal.

    `also` are tables that are not ours, but whose rows go too, and so do those of files in the roots behind
    the first, which is the project. `nodes` are those of dbt's manifest.
    """

    people: People
    project: Path
    databases: tuple[Path, ...]
    log: str
    roots: tuple[Path, ...]
    also: tuple[str, ...]
    nodes: Mapping[str, Any]
    seal: Path
    call: str


@dataclass(frozen=True)
class Certificate:
    """What was searched and done. `runs` are the rows forgotten by run; `keys` the digests of the keys."""

    made_at: str
    keys: tuple[str, ...]
    persons: int
    columns: tuple[str, ...]
    places: tuple[Place, ...]
    runs: Mapping[str, int]
    notes: tuple[str, ...]
    listed_before: int = 0  # of the persons
    runs_before: Mapping[str, int] = field(default_factory=dict)  # rows of all persons, by earlier calls
    beyond: tuple[str, ...] = BEYOND

    @property
    def left(self) -> list[Place]:
        """The places that still have a person."""
        return [place for place in self.places if place.remaining]

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it: places that had no person only by name, under how they were searched."""
        without: dict[str, list[str]] = {}
        for place in self.places:
            if not place.found:
                without.setdefault(place.searched, []).append(place.place)
        there = [asdict(place) for place in self.places if place.found]
        return {**asdict(self), "places": there, "without": without}


def search(connection: duckdb.DuckDBPyConnection, job: Job) -> tuple[list[tuple[Place, Any]], set[Key]]:
    """Every place, with its table or file, and the persons that tables have."""
    tables.hold(connection, job.people)
    found: list[tuple[Place, Any]] = []
    who: set[Key] = set()
    for table in tables.tables_of(connection, job.log, job.nodes, job.also):
        rows, how, keys = tables.count(connection, table, job.people)
        who |= keys
        why = table.why or ("" if keys else "another column than the key")
        found.append((Place(table.place, table.kind, how, rows, why=why if rows else ""), table))
    for column, hits in texts_of(connection, job.log, job.people):
        why = "" if column in TEXTS else "a replay reads it: take the key out of the model's SQL"
        found.append(
            (Place(f"run log, {column}", "run log", job.people.by_text, hits, why=why if hits else ""), None)
        )
    there = [at for place, at in found if place.found and at and tables.condition(job.people, at.types)]
    for file, hits, how in tables.background_rows(connection, job.project, there, job.people):
        why = "background rows of reasons: register a version without them" if hits else ""
        named = f"{file.relative_to(job.project)}, background"
        found.append((Place(named, BACKGROUND, how, hits, why=why), None))
    tracked, databases = files.in_git(job.project), {path.resolve() for path in job.databases}
    for file in files.files_of(job.roots):
        if file.resolve() in databases or file.name.startswith(".scorehouse"):
            continue
        kind, hits, how = files.search(connection, file, job.project, job.people)
        named = str(file.relative_to(job.project)) if file.is_relative_to(job.project) else str(file)
        is_ours = kind != files.OTHER or any(file.is_relative_to(root) for root in job.roots[1:])
        why = "" if is_ours else "none of ours: name it with --also"
        why = "in Git, and in its history" if file.resolve() in tracked else why
        shown = job.people.unnamed(named)
        if shown != named and kind not in files.REMOVED:
            hits, why = hits + 1, "the key is in its name: rename it"
        found.append((Place(shown, kind, how, hits, why=why if hits else ""), file))
    return found, who


def forget(
    connect: Callable[[], duckdb.DuckDBPyConnection], job: Job, *, dry_run: bool = False
) -> Certificate:
    """Forget the persons of a job, and search again.

    `connect` opens the databases for writing, or for reading in a dry run. Raises ConfigurationError if a
    person is nowhere, or if the seal says that the run log was altered: nothing is changed then.
    """
    with connect() as connection:
        found, who = search(connection, job)
        places = [place for place, _ in found]
        listed_ones = tables.listed(connection, job.log, job.people, job.project, job.call)
        before = len(listed_ones), forgotten_before(connection, job.log) if listed_ones else {}
        _check_known(job, found, who | listed_ones)
        secret = Secret.read(job.project)
        if dry_run:
            return _certificate(job, secret, places, {}, [], before)
        lines = _sound_seal(connection, job)
        secret = secret or Secret.made(job.project)
        runs = _forget_in_tables(connection, job, secret, lines, [at for place, at in found if place.found])
        done = _forget_in_files(connection, job, found)
    notes = _rewrite(job)
    with connect() as connection:
        again = Counter[str]()
        for place, _ in search(connection, job)[0]:
            again[place.place] += place.found  # of several files, if without the key they have one name
    places = [
        replace(place, done=done.get(place.place, ""), remaining=again[place.place]) for place in places
    ]
    return _certificate(job, secret, places, runs, notes, before)


def _check_known(job: Job, found: Sequence[tuple[Place, Any]], known: set[Key]) -> None:
    """Refuse columns that no table has, and a key that is nowhere; one person may be in files alone."""
    people = job.people
    searched = [at for _, at in found if isinstance(at, Table)]
    columns = {name for table in searched for name in table.types}
    tables.check_named(job.call, job.also, searched)
    unknown = [key for key in people.keys if key not in known]
    in_files = len(people.keys) == 1 and any(place.found for place, at in found if isinstance(at, Path))
    if not any(tables.condition(people, table.types) for table in searched):
        problem = (
            f"no table has the columns {listed(people.columns)}{did_you_mean(people.columns[0], columns)}"
        )
    elif unknown and not in_files:
        key = ", ".join("=".join(pair) for pair in zip(people.columns, unknown[0], strict=True))
        many = f"{len(unknown)} of {len(people.keys)} keys are" if people.keys[1:] else "the key is"
        problem = f"{many} in none of {len(searched)} tables ({key})"
    else:
        return
    raise ConfigurationError(
        job.call,
        problem,
        expected="keys as the tables have them, in the column of that name; nothing was changed",
        action="correct the value or the column's name, or take the key out of the file",
    )


def _sound_seal(connection: duckdb.DuckDBPyConnection, job: Job) -> list[Line]:
    """The lines of the seal; an altered run log must not be sealed anew."""
    lines = read_seal(job.seal, job.call)
    rows = rows_of(connection.execute(f"select * from {job.log}")) if lines else []
    before = _before_forgotten(lines)
    if before and findings(lines, rows) and not findings(before, rows):
        return before  # a call was killed after it wrote the seal, and before its rows were committed
    if altered := findings(lines, rows) if lines else []:
        raise ConfigurationError(
            job.call,
            f"the run log was altered since its seal: {altered[0].text}",
            expected="a seal without findings, since rows are sealed anew here; nothing was changed",
            action="look at `scorehouse evidence seal --check` first",
        )
    return lines


def _before_forgotten(lines: list[Line]) -> list[Line]:
    """The lines without the last seal, if that was one of forgotten rows."""
    seals = [place for place, line in enumerate(lines) if line["kind"] == SEAL]
    start = seals[-2] + 1 if len(seals) > 1 else 0
    return lines[:start] if any(line["kind"] == FORGOTTEN for line in lines[start:]) else []


def _forget_in_tables(
    connection: duckdb.DuckDBPyConnection, job: Job, secret: Secret, lines: list[Line], found: Sequence[Any]
) -> dict[str, int]:
    """In one transaction, delete rows and note the keys and the runs; returns the number of rows by run."""
    people, log = job.people, job.log
    ours = [table for table in found if isinstance(table, Table) and not table.why]
    ours = [table for table in ours if tables.condition(people, table.types)]
    connection.begin()
    tables.widen(connection, log)
    traces: dict[str, tuple[Table, Traces]] = {}
    for table in ours:
        if table.kind == tables.PREDICTIONS:
            own = traces_of(connection, log, table, people)
            traces |= {run: (table, each) for run, each in own.items()}
        tables.delete(connection, table, people)
    tables.note_in_list(connection, log, people, secret)
    runs = forget_in_runs(connection, log, traces, people)
    if lines:
        rows = rows_of(connection.execute(f"select * from {log}"))
        new = sealed(lines, rows, datetime.now(UTC), forgotten=runs)
        replace_file(job.seal, to_lines([*lines, *new]))
    try:
        connection.commit()
    except duckdb.Error:
        if lines:
            replace_file(job.seal, to_lines(lines))
        raise
    return runs


def _forget_in_files(
    connection: duckdb.DuckDBPyConnection, job: Job, found: Sequence[tuple[Place, Any]]
) -> dict[str, str]:
    """What was done, by place."""
    done, exports = dict[str, str](), set[Path]()
    for place, at in found:
        if not place.found or place.why:
            continue
        if isinstance(at, Path):
            done[place.place] = files.forget(connection, at, place.kind, job.people)
            exports |= {files.folder_of(at)} if place.kind == files.EXPORT else set()
        else:
            done[place.place] = "redacted" if at is None else "deleted"
    for folder in sorted(exports):
        files.forget_in_exports(connection, folder, job.people)
    return done


def _rewrite(job: Job) -> list[str]:
    notes = []
    for file in job.databases:
        written_anew(file, job.call)
        hits, searched = bytes_found(file, job.people.telling)
        seen = f"; of {searched:,} values that are no short numbers, its bytes have {hits:,}"
        seen += ", if not in longer ones" * bool(hits)
        notes.append(f"{file.name} was written anew{seen if searched else ''}")
    return notes


def _certificate(
    job: Job,
    secret: Secret | None,
    places: Sequence[Place],
    runs: Mapping[str, int],
    notes: Sequence[str],
    before: tuple[int, Mapping[str, int]],
) -> Certificate:
    columns = job.people.columns
    keys = [dict(zip(columns, key, strict=True)) for key in job.people.keys]
    digests = sorted(map(secret.digest, keys)) if secret else []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    known = tuple(digests), len(keys), columns
    return Certificate(now, *known, tuple(places), dict(runs), tuple(notes), *before)


def to_text(certificate: Certificate) -> bytes:
    """The certificate as a file."""
    return (json.dumps(certificate.to_dict(), indent=2, ensure_ascii=False) + "\n").encode()
