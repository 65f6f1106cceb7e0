"""`scorehouse answer`: what a person is told of a decision, as a letter, and as a table for many."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scorehouse.cli.common import FILE, answer, count, json_option, name_argument, option, this_call, waiting
from scorehouse.cli.explain import registered_files
from scorehouse.cli.target import Opened, Target, target_options
from scorehouse.errors import ConfigurationError
from scorehouse.registry.seeds import replace_file

if TYPE_CHECKING:
    from scorehouse.answer.answer import Answer
    from scorehouse.answer.letter import Letter
    from scorehouse.explain.row import LoggedRow

ANYWHERE = click.Path(path_type=Path)


@click.command("answer")
@name_argument
@click.option(
    "--key", "keys", multiple=True, help="Value of the key, or column=value for each of its columns."
)
@click.option("--keys", "file", type=FILE, help="CSV file of many keys, a column per column of the key.")
@click.option("--table", help="Prediction table; default: the last scored one with the row.")
@option("--language", default="en", help="Language of the letter: en, de, or one of answers.yml.")
@click.option("--output", type=ANYWHERE, help="Folder for the letter; with --keys, the CSV file to write.")
@click.option("--sign", type=FILE, help="PEM file of the private key that signs the letter's folder.")
@target_options
@json_option
def answer_command(
    name: str,
    keys: tuple[str, ...],
    file: Path | None,
    table: str | None,
    language: str,
    output: Path | None,
    sign: Path | None,
    target: Target,
    as_json: bool,
) -> None:
    """Answer a person about a decision of the ML model NAME: what decided, what would have changed it.

    The nearest change is one of features that `answers.yml` marks as changeable, and is replayed. With
    --output, the letter is written as Markdown, HTML and JSON; `scorehouse evidence verify` checks it.

    \b
    Examples:
      scorehouse answer churn --key 15098 --target prod
      scorehouse answer churn --key 15098 --target prod --output letter --sign release.pem
      scorehouse answer churn --keys asked.csv --target prod --output answers.csv
    """
    if bool(keys) == (file is not None):
        raise click.UsageError("name either one row with --key, or a file of many with --keys")
    if file is not None and (output is None or sign is not None):
        raise click.UsageError("--keys needs --output, the CSV file to write, and takes no --sign")
    if sign is not None and output is None:
        raise click.UsageError("--sign signs a folder: name it with --output")
    with waiting("answering"), target.opened(anywhere=True) as opened:
        if file is None:
            _one(opened, target.project, name, keys, table, language, output, sign, as_json)
        else:
            assert output is not None
            _many(opened, target.project, name, file, table, language, output, as_json)


def _one(
    opened: Opened,
    project: Path,
    name: str,
    keys: Sequence[str],
    table: str | None,
    language: str,
    output: Path | None,
    sign: Path | None,
    as_json: bool,
) -> None:
    from scorehouse.answer.letter import lines, markdown, page
    from scorehouse.evidence.manifest import ANSWER, TOLD, require_new, write_pack
    from scorehouse.explain.row import find_row, wanted_key
    from scorehouse.registry.key_signature import read_key

    call = f"{this_call()} {name}"
    if output is not None:
        require_new(output, call)
    if sign is not None:
        read_key(sign, "private", call)
    answering = _answering(project, name, language, call)
    opened.fetch(name, table, lambda columns: [wanted_key(keys, columns, call)])
    row = find_row(opened.connection, opened.run_log, name, table, keys, project, call)
    found, letter = answering(row)
    document = found.to_dict()
    said = list(lines(letter.blocks()))
    if found.story.no_reasons:
        said += ["", f"no contributions: {found.story.no_reasons}"]
    reasons = (found.story.table.get("reject_reason"), found.story.now["reject_reason"])
    for reason in dict.fromkeys(filter(None, reasons)):
        said += ["", f"rejected: {reason}"]
    if output is not None:
        story, now = found.story, datetime.now(UTC)
        files = {
            "letter.md": markdown(letter.blocks()).encode(),
            "letter.html": page(letter.blocks(), language).encode(),
            TOLD: (json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n").encode(),
        }
        facts = {
            "kind": ANSWER,
            "subject": f"answer of {name} version {story.version} about {story.heading}",
            "artifact_sha256": story.digest,
            "run_id": story.run_id,
            "made_at": now.isoformat(timespec="seconds"),
            "made_by": f"scorehouse {installed_version('scorehouse')}",
            "run_log_findings": [],
            "notes": ["the features have changed since the run"] if story.has_changed else [],
        }
        write_pack(output, files, facts, sign, call)
        said += ["", f"written: {output} ({len(files) + 1} files, {'signed' if sign else 'not signed'})"]
    answer(as_json, document, said)


def _many(
    opened: Opened,
    project: Path,
    name: str,
    file: Path,
    table: str | None,
    language: str,
    output: Path,
    as_json: bool,
) -> None:
    from scorehouse.evidence.manifest import ANSWERS
    from scorehouse.explain.row import find_rows
    from scorehouse.project.forgotten import is_listed

    call = f"{this_call()} {name}"
    keys = _read_keys(file, call)
    opened.fetch(name, table, lambda columns: [_spelled(key, columns) for key in keys])
    rows = find_rows(opened.connection, opened.run_log, name, table, keys, call)
    answering = _answering(project, name, language, call)
    found = [None if row is None else answering(row)[0] for row in rows]

    def line(key: dict[str, str], each: Answer | None) -> dict[str, Any]:
        if each is not None:
            return {**key, "status": "answered", **_line(each)}
        is_forgotten = is_listed(opened.connection, opened.run_log, key, project)
        return {**key, "status": "forgotten" if is_forgotten else "not found"}

    lines = list(map(line, keys, found))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*keys[0], *ANSWERS])
    writer.writeheader()
    writer.writerows(lines)
    replace_file(output, text.getvalue().encode())
    answered = sum(each is not None for each in found)
    flips = sum(bool(each and each.alternative and each.alternative.flips) for each in found)
    told = [f"written: {output} ({count(answered, 'answer')}, {flips:,} with a change that leads elsewhere)"]
    if missing := len(found) - answered:
        told.append(f"{count(missing, 'key')} not found: see the column status")
    document = {"written": str(output), "keys": len(found), "answered": answered, "with_a_change": flips}
    answer(as_json, document, told)


def _line(found: Answer) -> dict[str, Any]:
    """The answer as a line of the table; a change is there only if it leads to another decision."""
    from scorehouse.evidence.manifest import ANSWERS

    story, other = found.story, found.alternative
    flips = other if other is not None and other.flips else None
    changes = [f"{each.feature}: {each.value} -> {each.becomes}" for each in flips.changes] if flips else []
    reasons = [f"{part.feature} {part.contribution:+.3g}" for part in story.parts[:3] if part.contribution]
    values = (
        story.decided,
        story.now.get("score"),
        flips and flips.decision,
        "; ".join(changes),
        flips and flips.distance,
        other and other.none_below,
        found.no_alternative or (None if flips else "none flips"),
        ", ".join(found.fragile),
        "; ".join(reasons),
        story.has_changed,
        story.version,
        story.run_id,
        story.scored_at,
    )
    return dict(zip(ANSWERS[1:], values, strict=True))


def _spelled(key: Mapping[str, str], columns: Sequence[str]) -> dict[str, str]:
    """The key by the columns of a prediction table; of others, there is no row."""
    own = {name.lower(): value for name, value in key.items()}
    return {column: own.get(column.lower(), "") for column in columns}


def _read_keys(file: Path, call: str) -> list[dict[str, str]]:
    """The lines of a CSV file; every value stays text."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            keys = [dict(line) for line in csv.DictReader(opened)]
        problem = "it has no line under its head" if not keys else ""
        if any(None in key or None in key.values() for key in keys):
            problem = "a line has more or fewer values than the head"
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problem = str(getattr(error, "strerror", None) or error)
    if problem:
        raise ConfigurationError(
            call,
            f"--keys {str(file)!r} cannot be used: {problem}",
            expected="a CSV file in UTF-8 whose head has the columns of the key",
            action="correct the file or its path",
        )
    return keys


def _answering(
    project: Path, name: str, language: str, call: str
) -> Callable[[LoggedRow], tuple[Answer, Letter]]:
    """What answers for a row; what scored a run is read once."""
    from scorehouse.answer.answer import Answerer
    from scorehouse.answer.letter import Letter
    from scorehouse.answer.settings import read_answers
    from scorehouse.explain.story import Explainer

    (versions, files), known = registered_files(project, name, call), dict[str, Answerer]()

    def answering(row: LoggedRow) -> tuple[Answer, Letter]:
        run = f"{row.run['model_digest']} {row.run['configuration']}"  # which many runs share
        if run not in known:
            explainer = Explainer(row.run, versions, files, call)
            answers = read_answers(project, name, explainer.kernel.signature, language, call)
            known[run] = Answerer(explainer, answers)
        found = known[run].answer(row)
        return found, Letter(found, known[run].answers, language)

    return answering
