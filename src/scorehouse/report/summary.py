"""One sentence about an ML model: whether somebody has to act, and on what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scorehouse.report.alert import Alert
from scorehouse.report.sections import Chapter
from scorehouse.report.words import stamp

SAID = 3  # causes that the sentence names, and the one to mend first
ACT, WATCH, FINE, UNJUDGED = "Act", "Watch", "Fine", "Not judged"
# Lights that judge the ML model itself. Runs that ended well say nothing about its quality.
SUBSTANCE = ("Data quality", "Drift", "Scores", "Performance")
MORE = ("Segments", "Sequential alert")  # they count where they were judged, and are not missed where not
NEEDS = {"not monitored": "no table has it", "no threshold set": "no limit is set"}


NEXT = {ACT: "need{} action", WATCH: "to watch", UNJUDGED: "not judged", FINE: "fine"}


def counted(names: Mapping[str, Sequence[str]]) -> str:
    """The first sentence on several ML models: "1 needs action: demand. 1 to watch: churn."."""
    found = [(NEXT[word].format("s" if len(names[word]) == 1 else ""), names[word]) for word in NEXT]
    return " ".join(f"{len(own)} {said}: {', '.join(own)}." for said, own in found if own)


@dataclass(frozen=True)
class Headline:
    """The sentence on an ML model. `state` is `bad`, `warn`, `ok`, or `none` if its quality is not judged."""

    state: str
    word: str
    text: str
    action: str = ""  # what to do about the first cause
    causes: tuple[Alert, ...] = ()  # the worst first, of these the one to mend first
    note: str = ""  # of what time the monitors are, where the last run did not score; which results are lost
    more: int = 0  # causes that are not named

    @property
    def sentence(self) -> str:
        return f"{self.word}: {self.text}"


def headline(chapter: Chapter) -> Headline:
    """`Act` if something is red, `Watch` if something is amber, `Fine` only if quality was judged."""
    note = _note(chapter)
    said = note and f" {note}"
    if chapter.state in ("bad", "warn"):  # the first causes, the worst first; the others are counted
        shown = chapter.alerts[:SAID] + [alert for alert in chapter.alerts[SAID:] if alert.first]
        named, more = [alert.title for alert in shown], len(chapter.alerts) - len(shown)
        if not named:  # of a run that has not finished
            named = [f"{one.name}: {one.text}" for one in chapter.verdicts if one.state == chapter.state]
        text = "; ".join(named) + (f"; and {more} more" if more else "") + "." + said
        action = shown[0].what_to_do if shown else ""
        word = ACT if chapter.state == "bad" else WATCH
        return Headline(chapter.state, word, text, action, tuple(shown), note, more)
    judged = [one.name for one in chapter.verdicts if one.name in (*SUBSTANCE, *MORE) and one.state == "ok"]
    open_lights = [one for one in chapter.verdicts if one.name in SUBSTANCE and one.state == "none"]
    needs = [(one.name.lower(), one.missing or one.text) for one in open_lights]
    missing = "; ".join(f"{name}: {NEEDS.get(need, need)}" for name, need in needs)
    if judged:
        rest = f" Not judged: {missing}." if missing else ""
        if (found := chapter.performance) and found.waiting:  # labels may be late, or come no more
            judged = [f"{one} of {found.window}" if one == "Performance" else one for one in judged]
        return Headline("ok", FINE, f"{_listed(judged)} as expected.{rest}{said}", note=note)
    if {need for _, need in needs} == {"not monitored"}:
        to_do = f"monitor it: scorehouse scaffold monitors {chapter.data.name}" + "." * bool(note)
    else:
        to_do = f"set a limit. {missing[:1].upper()}{missing[1:]}."
    return Headline("none", UNJUDGED, to_do + said, note=note)


def _note(chapter: Chapter) -> str:
    """Of what time the monitors are, which dbt skips with the prediction table, and what results are lost."""
    data = chapter.data
    notes = [one.missing for one in chapter.verdicts if one.name == "dbt tests" and one.missing]
    if data.missed and data.drift:
        notes.insert(0, f"Drift was last computed on {stamp(data.missed[1]['started_at'])} UTC.")
    return " ".join(notes)


def overview(chapter: Chapter) -> dict[str, Any]:
    """The sentence and the lights of one ML model for JSON; `state` is as in Headline."""
    said = headline(chapter)
    return {
        "ml_model": chapter.data.name,
        "version": chapter.live.version,
        "owner": chapter.live.owner,
        "state": said.state,
        "sentence": said.sentence,
        "what_to_do": said.action,
        "alerts": len(chapter.alerts),
        "lights": [
            {"name": one.name, "state": one.state, "text": one.text, "rule": one.rule}
            for one in chapter.verdicts
        ],
    }


def _listed(names: Sequence[str]) -> str:
    first, rest = names[0], [name[:1].lower() + name[1:] for name in names[1:]]
    return first if not rest else ", ".join([first, *rest[:-1]]) + f" and {rest[-1]}"
