"""A story as lines of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scorehouse.explain.story import Part, Story

BAR = 24  # characters of the longest bar
SHOWN = 15  # features


def lines(story: Story) -> Iterator[str]:
    """The prediction, its contributions as a waterfall, and what would flip the decision."""
    yield story.heading
    if told := sentence(story):
        yield f"  {told}"
        yield ""
    yield f"  {said(story.table)}"
    if story.has_changed:
        yield f"  its features have changed since; today: {said(story.now)}"
    yield f"  scored by {story.name} version {story.version} ({story.digest[:12]}), backend {story.backend}"
    yield f"  run {story.run_id} at {story.scored_at}"
    yield ""
    if story.output and story.total is not None:
        yield f"  what moved the output {story.output}"
    if story.total is not None:
        yield from _waterfall(story)
    elif story.no_reasons is not None:
        yield f"  what each feature contributed is not known: {story.no_reasons}"
        yield from _features(story)
    else:
        yield "  a rejected row has no score to explain"
    yield from _flips(story)


def sentence(story: Story) -> str:
    """What is decided or predicted, the features that moved it most, and the first change that would undo it.

    Empty for several outputs, of which none speaks for all.
    """
    row = story.now if story.has_changed else story.table
    if row.get("row_status") == "rejected":
        return f"Rejected: {row.get('reject_reason')}."
    decided, score = row.get("prediction") if story.decided is None else story.decided, row.get("score")
    what = [] if decided is None else [shown(decided)]
    what += [f"score {score:.3g}"] if isinstance(score, float) else []
    if not what:
        return ""
    parts = [part for part in story.parts[:2] if part.contribution]
    moved = ", ".join(
        f"{part.feature} is {shown(part.value)} ({_brief(part.contribution)})" for part in parts
    )
    said = ", ".join(what) + (f": {moved}" if moved else "")
    for undone in (story.flips or ())[:1]:
        said += f". With {undone.feature} at {shown(undone.becomes)} it would be {shown(undone.decision)}"
    return f"{'Today: ' if story.has_changed else ''}{said}."


def _flips(story: Story) -> Iterator[str]:
    if story.flips is None:
        return
    yield ""
    if story.flips:
        yield "  the decision would be another one, with all else as it is, if"
        yield from (
            f"    {flip.feature} were {shown(flip.becomes)} instead of {shown(flip.value)}: {flip.decision}"
            for flip in story.flips
        )
    else:
        yield "  no feature alone would change the decision, within the range of training"


def _features(story: Story) -> Iterator[str]:
    """Values and ranges alone."""
    rows = [(part.feature, shown(part.value), _trained(part)) for part in story.parts[:SHOWN]]
    rows.insert(0, ("feature", "value", "trained"))
    names, values = (max(len(row[i]) for row in rows) for i in range(2))
    for name, value, trained in rows:
        yield f"  {name.ljust(names)}  {value.ljust(values)}  {trained}".rstrip()
    if len(story.parts) > SHOWN:
        yield f"  {others(len(story.parts) - SHOWN)}"


def _trained(part: Part) -> str:
    return part.trained + (" (outside)" if part.is_outside else "")


def _waterfall(story: Story) -> Iterator[str]:
    parts = story.parts[:SHOWN]
    rest = sum(part.contribution or 0.0 for part in story.parts[SHOWN:])
    largest = max((abs(part.contribution or 0.0) for part in parts), default=0.0) or 1.0
    rows = [(story.base_label, "", "", story.base or 0.0, "")]
    for part in parts:
        contribution = part.contribution or 0.0
        bar = ("+" if contribution > 0 else "-") * round(BAR * abs(contribution) / largest)
        rows.append((part.feature, shown(part.value), _trained(part), contribution, bar))
    if len(story.parts) > SHOWN:
        rows.append((others(len(story.parts) - SHOWN), "", "", rest, ""))
    rows.append(("total", "", "", story.total or 0.0, ""))
    names, values, ranges = (max(len(str(row[i])) for row in rows) for i in range(3))
    numbers = max(10, *(len(f"{row[3]:+.4f}") for row in rows))
    yield f"  {'feature'.ljust(names)}  {'value'.ljust(values)}  {'trained'.ljust(ranges)}  {story.unit}"
    for name, value, trained, number, bar in rows:
        line = f"  {name.ljust(names)}  {value.ljust(values)}  {trained.ljust(ranges)}  "
        yield f"{line}{f'{number:+.4f}'.rjust(numbers)}  {bar}".rstrip()


def _brief(contribution: float | None) -> str:
    """Two digits of a small number, a large one to the unit."""
    number = contribution or 0.0
    return f"{number:+,.0f}" if abs(number) >= 99.5 else f"{number:+.2g}"


def others(count: int) -> str:
    """The name of what is left over."""
    return f"{count} other feature{'s' if count > 1 else ''}"


def said(columns: Any) -> str:
    """What a prediction says, in a line."""
    audit = ("model_", "scored_at", "scoring_run_id", "row_")
    wanted = {name: value for name, value in columns.items() if not name.startswith(audit)}
    return ", ".join(f"{name} {shown(value)}" for name, value in wanted.items() if value is not None)


def shown(value: Any) -> str:
    """A value as text; NULL for a missing one, and in quotes what would not be seen.

    As in `scorehouse score`, whole numbers have no separators: they may be keys, classes or ranks.
    """
    if value is None:
        return "NULL"
    if isinstance(value, str) and (not value or value != value.strip()):
        return repr(value)
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
