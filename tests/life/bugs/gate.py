"""Faults of gates, challengers and labels, as they were."""

from __future__ import annotations

from life_bugs import Bug

BUGS = (
    Bug(
        "the gate reads is_live on a wide table",
        review="4",
        edits=(
            (
                "macros/comparison/_why_not_judged.sql",
                "        {%- if column in scorehouse._existing_columns(predictions) %}\n",
                "        {%- if false %}\n",
            ),
        ),
        events=("wide contest",),
    ),
    Bug(
        "a label is compared with 1, whatever the positive class is",
        review="4",
        edits=(
            (
                "macros/labels/_is_positive.sql",
                "    {% if numbers %}\n",
                "    {{ return('case when ' ~ label ~ ' = 1 then 1e0 else 0e0 end') }}\n"
                "    {% if numbers %}\n",
            ),
        ),
        events=("second week: watch it", "labels renamed"),
    ),
    Bug(
        "a label of several classes is cast to plain text",
        review="4",
        edits=(
            (
                "macros/monitoring/_performance/_task_columns.sql",
                "{{ scorehouse._label_text('live.scorehouse_label', spec.classes) }} as y,",
                "cast(live.scorehouse_label as {{ text }}) as y,",
            ),
        ),
        test="tests/python/scoring/test_label_types.py",
    ),
    Bug(
        "labels of which none is a class are judged",
        review="4",
        edits=(
            (
                "macros/labels/_check_labels.sql",
                "    {% if found['n_labels'] and not found['n_known'] %}\n",
                "    {% if false %}\n",
            ),
        ),
        events=("second week: watch it", "labels renamed"),
    ),
    Bug(
        "a scan fails until a challenger exists",
        review="5",
        edits=(
            (
                "src/scorehouse/scoring/parts.py",
                "        if further in known or not known:\n",
                "        if further:\n",
            ),
        ),
        events=("second week: watch it", "second week: prepare the retraining"),
    ),
    Bug(
        "a gate without a challenger passes as if it had judged",
        review="5",
        edits=(
            (
                "macros/comparison/challenger_not_worse.sql",
                "    {{ config(warn_if='!= 0', error_if='> count(not_judged)') }}\n",
                "    {{ config(warn_if='> count(not_judged)', error_if='> count(not_judged)') }}\n",
            ),
        ),
        events=("second week: watch it", "second week: prepare the retraining"),
    ),
)
