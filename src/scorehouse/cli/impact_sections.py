"""The answer of `scorehouse impact` as sections: tables with titles, in text or in Markdown."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scorehouse.cli.common import cell, count, heading, table
from scorehouse.errors import listed
from scorehouse.project.dbt_text import prose

if TYPE_CHECKING:
    from scorehouse.impact.changes import Change, Checked
    from scorehouse.impact.move import Move
    from scorehouse.impact.predict import Impact, Values

SHOWN = 10  # values of a segment, and lights


@dataclass(frozen=True)
class Section:
    """A table of the answer under its title, and what is said below it."""

    title: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    notes: Sequence[str] = ()


def impact_sections(
    found: Impact, gates: dict[str, str], file: Path, options: Mapping[str, Any]
) -> Iterator[Section]:
    """`options` of the command are those to be given again; what is empty is left out."""
    from scorehouse.impact.changes import ALL
    from scorehouse.impact.predict import total

    move, values, rows = found.move, found.values, found.scan.rows
    was, now = (f"version {one.version}" for one in (move.before, move.after))
    if was == now:
        cuts = (move.before.threshold, move.after.threshold)
        was, now = ("no threshold" if cut is None else f"threshold {cut}" for cut in cuts)
    title = f"{move.before.name}: {move.alias} from {was} to {now}"
    notes = [f"{move.table}, {count(rows, 'key')} as the features are now"]
    if found.scan.is_what_if:
        notes.append(
            f"rescore 'new' leaves keys of the table as they are: this is what {now} would say of them"
        )
    elif move.rescore.rule == "new":
        notes.append("only keys that are not in the table yet: rescore 'new' leaves the others as they are")
    yield Section(title, notes=[*notes, *_other_tables(move)])
    for outcome in dict.fromkeys(one.outcome for one in found.changes):
        own = [one for one in found.changes if one.outcome == outcome]
        yield _moves(outcome, [one for one in own if one.segment == ALL], rows, values)
        for segment in found.scan.segments:
            yield _by_segment(outcome, segment, [one for one in own if one.segment == segment], values)
    if values:
        yield Section("value", notes=[f"{_signed(total(found.changes, values))} in all, by {values.outcome}"])
    if found.limits:
        columns = ("limit", "groups", "binds before", "after", "keys cut before", "after")
        yield Section("limits", columns, [list(asdict(one).values()) for one in found.limits])
    if found.row is not None:
        yield Section("key", ("", "before", "after"), [[name, *pair] for name, pair in found.row.items()])
    yield _alarms(found, gates)
    cost = found.cost
    spent = "no run of so many keys has told the seconds per row yet"
    if cost.seconds is not None:
        spent = f"about {cost.seconds:.2g} s, by {cost.of_rows:,} rows that version {cost.version} scored"
    runs = f" in {cost.runs} runs, by max_rows" if cost.runs > 1 else ""
    yield Section("cost", notes=[f"the next run scores {count(cost.rows, 'key')}{runs}: {spent}"])
    yield Section("", notes=[f"every key: {file}", f"after the run: {_call(move, options, '--check')}"])


def stays_sections(move: Move, options: Mapping[str, Any], unused: Sequence[str]) -> Iterator[Section]:
    """What is said where the alias stays: which other version could be asked about.

    `unused` are options that show something of a move.
    """
    notes = [f"it is at the version that scored {move.table} last: it changes no key of this table"]
    notes += _other_tables(move)
    notes += _not_used(unused)
    notes += [f"version {other}: {_call(move, options, str(other))}" for other in move.versions[-1:]]
    yield Section(f"{move.before.name}: {move.alias} stays at version {move.before.version}", notes=notes)


def first_sections(header: Mapping[str, Any], unused: Sequence[str]) -> Iterator[Section]:
    """What is said where no version has scored a table yet; `unused` as above."""
    at = f"is at version {header['after']['version']}" if header["after"] else "is at no version"
    follows = "the first run scores all keys" if header["after"] else "no run can follow it"
    notes = [f"no successful run of {header['name']} in this target yet: no key changes, {follows}"]
    notes += _not_used(unused)
    yield Section(f"{header['name']}: {header['alias']} {at}, not scored yet", notes=notes)


def _not_used(options: Sequence[str]) -> list[str]:
    return [f"{listed(options)}: not used, since nothing moves"] if options else []


def _other_tables(move: Move) -> list[str]:
    if not move.others:
        return []
    others = " or ".join(move.others)
    return [f"the last scored table that {move.alias} decides; for another: --table {others}"]


def _call(move: Move, options: Mapping[str, Any], word: str) -> str:
    """The command with another word, and the options that were given."""
    alias = "" if move.alias == "champion" else move.alias
    call = f"scorehouse impact {move.before.name} {word}"
    for option, value in {"table": move.table, "alias": alias, **options}.items():
        call += f" --{option} {shlex.quote(str(value))}" if value else ""
    return call


def _moves(outcome: str, changes: Sequence[Change], rows: int, values: Values | None) -> Section:
    moves = [one for one in changes if one.is_move]
    changed = sum(one.keys for one in moves)
    title = f"{outcome}: {count(changed, 'key')} of {rows:,} {'changes' if changed == 1 else 'change'}"
    worth = values is not None and any(values.of(one) is not None for one in moves)
    shows = any(one.example is not None for one in moves)
    columns = ("before", "after", "keys", "share", *["value"] * worth, *["such as"] * shows)
    return Section(
        title,
        columns if moves else (),
        [
            [
                *(one.before, one.after, one.keys, _share(one.keys, rows)),
                *([_signed(values.of(one))] if worth and values else []),
                *[one.example] * shows,
            ]
            for one in moves
        ],
    )


def _by_segment(outcome: str, segment: str, changes: Sequence[Change], values: Values | None) -> Section:
    """The values of a segment with the most changes, each with its most frequent one."""
    groups: dict[str, list[Change]] = {}
    for one in changes:
        groups.setdefault(one.segment_value, []).append(one)
    order = sorted(groups, key=lambda value: (-sum(one.changed for one in groups[value]), value))
    worth = values is not None and values.outcome == outcome
    rows = []
    for value in order[:SHOWN]:
        own, moves = groups[value], [one for one in groups[value] if one.is_move]
        keys, changed = sum(one.keys for one in own), sum(one.keys for one in moves)
        most = f"{moves[0].keys:,} {moves[0].before} -> {moves[0].after}" if moves else None
        total = [_signed(values.total(own))] if worth and values else []
        rows.append([value, keys, changed, _share(changed, keys), *total, most])
    columns = (segment, "keys", "changed", "share", *(["value"] if worth else []), "most often")
    return Section(f"{outcome} by {segment}", columns, rows, _cut(order))


def _cut(rows: Sequence[Any]) -> list[str]:
    """How many rows are not shown, and where they are."""
    return [f"and {len(rows) - SHOWN:,} more: --json"] if len(rows) > SHOWN else []


def _alarms(found: Impact, gates: dict[str, str]) -> Section:
    moving = [one for one in found.alarms if one.moves]
    rows = [[one.monitor, one.output, one.metric, one.before, one.after] for one in moving[:SHOWN]]
    notes = [
        *_cut(moving),
        f"{len(found.alarms) - len(moving)} of {count(len(found.alarms), 'light')} unchanged",
    ]
    if found.not_judged:
        notes.append(f"monitors not judged: {found.not_judged}")
    notes += [f"gate {name}: {said} in the last dbt command" for name, said in gates.items()]
    return Section("alarms", ("monitor", "output", "metric", "before", "after") if rows else (), rows, notes)


def check_sections(kept: dict[str, Any], found: Checked, document: dict[str, Any]) -> Iterator[Section]:
    from scorehouse.impact.changes import ALL

    sides = f"version {kept['before']['version']} to {kept['after']['version']}"
    notes = [
        f"predicted {kept['predicted_at']}; {kept['table']} was last scored by run {found.run_id[:8]}",
        f"same input: {'yes' if found.same_input else 'no, or other rows were scored'}",
        f"keys compared: {found.keys_compared:,} of {kept['keys']:,}",
        *(
            f"  not compared: {count(number, 'key')} {why}"
            for number, why in (
                (found.keys_moved, "with other features now"),
                (found.keys_gone, "not in the table any more"),
                (found.keys_new, "new since"),
                (found.keys_waiting, f"not scored by version {kept['after']['version']} since"),
            )
            if number
        ),
        f"keys different: {found.keys_different:,}"
        + (f", such as {'; '.join(found.examples)}" if found.examples else ""),
    ]
    yield Section(f"{kept['name']}: {kept['alias']} from {sides}, predicted and realised", notes=notes)
    realised = {
        (one.outcome, one.before, one.after): one.keys
        for one in found.realised
        if one.segment == ALL and one.is_move
    }
    predicted = {
        (one.outcome, one.before, one.after): one.keys
        for one in found.predicted
        if one.segment == ALL and one.is_move
    }
    moves = dict.fromkeys([*predicted, *realised])
    rows = [[*one, predicted.get(one, 0), realised.get(one, 0)] for one in moves]
    yield Section("changes", ("outcome", "before", "after", "predicted", "realised"), rows)
    if document["value_predicted"] is not None:
        worth = (_signed(document[f"value_{side}"]) for side in ("predicted", "realised"))
        gaps = [f"no value for {gap}" for gap in document["value_gaps"]]
        yield Section("value", ("predicted", "realised"), [list(worth)], gaps)
    if kept["limits"]:
        pairs = zip(kept["limits"], found.limits, strict=True)
        columns = ("limit", "binds predicted", "realised", "keys cut predicted", "realised")
        names = ("binds_after", "cuts_after")
        yield Section(
            "limits",
            columns,
            [[was["limit"], *(v for n in names for v in (was[n], getattr(now, n)))] for was, now in pairs],
        )
    lights = list(zip(kept["alarms"][1:], document["alarms_realised"], strict=True))
    other = [
        [was["monitor"], was["output"], was["metric"], was["after"], now]
        for was, now in lights
        if was["after"] != now
    ]
    columns = ("monitor", "output", "metric", "predicted", "realised")
    same = f"{len(lights) - len(other)} of {count(len(lights), 'light')} of monitors as predicted"
    yield Section("alarms", columns if other else (), other[:SHOWN], [*_cut(other), same])
    about = kept["cost"]["seconds"]
    took = (
        ""
        if about is None or found.seconds is None
        else f": about {about:.2g} s predicted, {found.seconds:.2g} s taken"
    )
    yield Section(
        "cost", notes=[f"{found.rows_in:,} rows in the run, {kept['cost']['rows']:,} predicted{took}"]
    )
    yield Section("", notes=["came true" if found.came_true else "did not come true"])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _signed(value: float | None) -> str | None:
    return None if value is None else f"{value:+,.2f}"


def text(sections: Sequence[Section]) -> Iterator[str]:
    for number, one in enumerate(sections):
        if number:
            yield ""
        if one.title:
            yield heading(one.title)
        if one.columns:
            yield from table(one.columns, one.rows)
        yield from one.notes


PLAIN = re.compile(r"[\w .,:;%+()=>-]*")
MENTION = re.compile(r"\S*@\S*")


def _cell(value: Any) -> str:
    """A cell of a table in Markdown: text from data, which may be any, is code."""
    shown = cell(value)
    if PLAIN.fullmatch(shown):
        return shown
    return f"`{' '.join(shown.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"


def _line(text: str) -> str:
    """A title or note in Markdown, without HTML, links and mentions."""
    return MENTION.sub(r"`\g<0>`", prose(text).replace("[", "&#91;").replace("`", "'"))


def markdown(sections: Sequence[Section]) -> Iterator[str]:
    for number, one in enumerate(sections):
        if one.title:
            yield f"{'#### ' if number else '### '}{_line(one.title)}"
            yield ""
        if one.columns:
            yield f"| {' | '.join(map(_cell, one.columns))} |"
            yield f"|{' --- |' * len(one.columns)}"
            yield from (f"| {' | '.join(map(_cell, row))} |" for row in one.rows)
            yield ""
        if one.notes:
            yield from (f"- {_line(note)}" for note in one.notes)
            yield ""
