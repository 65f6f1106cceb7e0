"""Faults to plant in the package, one at a time, to see whether the tests catch them.

Each replaces text that stands once in its file. `tests/soak/planted_faults.py` plants them in a copy.
"""

from __future__ import annotations

from planting import ORACLE, Fault

NAMES = "PredictionHistories Rankings Decisions TypesChange TwoRegister SeedForgotten Terminated"
HISTORIES, RANKINGS, DECISIONS, TYPES, REGISTER, FORGOTTEN, TERMINATED = (
    (ORACLE, "-k", name) for name in NAMES.split()
)

FAULTS = (
    Fault(
        "the places of top_n are not decided again among the rows that stay",
        "src/scorehouse/engines/duckdb/engine.py",
        "if options.ranks_by_score:",
        "if False:",
        DECISIONS,
    ),
    Fault(
        "a row that has left and is kept counts among the best",
        "src/scorehouse/engines/source.py",
        '{"decision": self.source.options.ranks_by_score,',
        '{"decision": False,',
        DECISIONS,
    ),
    Fault(
        "decisions of rows that are not scored are left as they were",
        "src/scorehouse/engines/duckdb/engine.py",
        "if not made or options.as_of is not None:",
        "if True:",
        DECISIONS,
    ),
    Fault(
        "a group that is NULL equals no other",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        "{left}.{one} is not distinct from {right}.{other}",
        "{left}.{one} = {right}.{other}",
        RANKINGS,
    ),
    Fault(
        "the gaps that a vanished row leaves in the ranks are not seen",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        " union {self._gaps(part)})",
        ")",
        RANKINGS,
    ),
    Fault(
        "a budget of n rows scores n - 1",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        'where unit_end > {max_rows} "',
        'where unit_end >= {max_rows} "',
    ),
    Fault(
        "a budget takes the newest predictions first",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        "(order by is_new desc, oldest, {group}",
        "(order by is_new desc, oldest desc, {group}",
    ),
    Fault(
        "the feature hash leaves out what is passed through",
        "src/scorehouse/engines/columns.py",
        "return [*names, *self.passthrough.values(), *self.group.values()]",
        "return [*names]",
        ("tests/python/scoring/test_rescore.py", "-k", "passed_through_column"),
    ),
    Fault(
        "a row that comes back stays flagged as vanished",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        "whens.append(f\"when {old}.is_vanished then 'new'\")",
        "pass",
    ),
    Fault(
        "rows that vanished are not flagged",
        "macros/scoring/_write/_merge_predictions.sql",
        "set is_vanished = true",
        "set is_vanished = old_rows.is_vanished",
    ),
    Fault(
        "rows that vanished are not deleted",
        "macros/scoring/_write/_merge_predictions.sql",
        "using {{ vanished }} as gone_rows\n        {%- else",
        "using (select * from {{ vanished }} limit 0) as gone_rows\n        {%- else",
    ),
    Fault(
        "lookback is not taken off the watermark",
        "src/scorehouse/engines/duckdb/few.py",
        "epoch_us(runs.watermark) - {plan.lookback_us}",
        "epoch_us(runs.watermark)",
        ("tests/python/scoring/test_rescore.py", "-k", "by_updated_at"),
    ),
    Fault(
        "a row that lost its timestamp counts as unchanged",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        "or features.updated_us is null ",
        "",
    ),
    Fault(
        "rows whose hash was of another kind count as unchanged",
        "src/scorehouse/engines/duckdb/few.py",
        " and {part.has_kind(self.plan.rescore.rule)}",
        "",
        TYPES,
    ),
    Fault(
        "few rows are scored though the sums of the keys do not agree",
        "src/scorehouse/engines/duckdb/few.py",
        "        return tuple(there) ==",
        "        return True or tuple(there) ==",
        ("tests/python/scoring/test_few_rows.py",),
    ),
    Fault(
        "under the rule updated_at a column of another type is no change",
        "src/scorehouse/engines/duckdb/rescore_sql.py",
        "when {old}.has_kind is not true or {old}.seen_us is null",
        "when {old}.seen_us is null",
        TYPES,
    ),
    Fault(
        "the kind of hash says nothing of the columns' types",
        "src/scorehouse/engines/source.py",
        "{types_digest(self.columns.hashed(part), self.table_types)}",
        "0",
        TYPES,
    ),
    Fault(
        "the last of the models that overlap leaves the memory limit lowered",
        "src/scorehouse/engines/shared_setting.py",
        "if left else before)",
        "if left else self._choose(before, [value]))",
    ),
    Fault(
        "the memory limit sinks a little with each model",
        "src/scorehouse/engines/duckdb/memory.py",
        "{literal(_unrounded(limit[1]))}",
        "{literal(limit[1])}",
    ),
    Fault(
        "the first of the models that overlap lifts the limit of the others",
        "src/scorehouse/engines/shared_setting.py",
        "write(self._choose(before, left) if left else before)",
        "write(before)",
        ("tests/python/engines/test_shared_settings.py", "-k", "interleaving_of_memory"),
    ),
    Fault(
        "checks that became strict leave old predictions as they are",
        "src/scorehouse/scoring/parts.py",
        '            "strict": sorted(options.strict),\n',
        "",
    ),
    Fault(
        "a version that became live leaves its old rows as they are",
        "src/scorehouse/scoring/parts.py",
        "[self.label, self.is_live] if options.several else None",
        "None",
    ),
    Fault(
        "a promoted challenger leaves the rows of a wide table as they are",
        "src/scorehouse/scoring/parts.py",
        '"|".join(bases).encode()',
        "bases[0].encode()",
        ("tests/python/scoring/test_wide.py", "-k", "any_version_asks"),
    ),
    Fault(
        "rows left by a budget are counted without the stale ones",
        "src/scorehouse/engines/source.py",
        "record.rows_left = sum(record.found[state] for state in SCORED_STATES) - rows",
        'record.rows_left = record.found["new"] + record.found["changed"] - rows',
    ),
    Fault(
        "the merge compares the first column of the key alone",
        "macros/scoring/_write/_merge_predictions.sql",
        "scorehouse._quoted(keys)",
        "scorehouse._quoted(keys[:1])",
        HISTORIES,
    ),
    Fault(
        "the slices of a backfill overlap by a day",
        "macros/scoring/_passes/_backfill_slices.sql",
        "{% set end = [begin + step, last + one_day] | min %}",
        "{% set end = [begin + step + one_day, last + one_day] | min %}",
        HISTORIES,
    ),
    Fault(
        "a full refresh merges",
        "src/scorehouse/engines/run.py",
        "    if request.full_refresh and options.as_of is None:\n        return",
        "    if False:\n        return",
    ),
    Fault(
        "the run's row commits before the table is swapped",
        "macros/scoring/predictions.sql",
        "        {% do scorehouse._enforce_contract(staging) %}\n",
        "        {{ adapter.commit() }}\n"
        "        {% call statement('begin_anew', fetch_result=True) %} select 1 {% endcall %}\n"
        "        {% do scorehouse._enforce_contract(staging) %}\n",
    ),
    Fault(
        "a failed run is logged as a success",
        "src/scorehouse/engines/duckdb/run_log.py",
        "record.to_row(FAILED, error=error)",
        "record.to_row(SUCCESS, error=error)",
    ),
    Fault(
        "the row that a run begins with is never closed",
        "src/scorehouse/engines/duckdb/run_log.py",
        "        _delete_started(connection, records[0])\n",
        "        pass\n",
    ),
    Fault(
        "the threshold decides for the other class",
        "src/scorehouse/kernel/tasks.py",
        "positive >= self.version.threshold",
        "positive < self.version.threshold",
    ),
    Fault(
        "bands are looked up from the lowest",
        "src/scorehouse/scoring/decision.py",
        "for name, low in others[::-1]]",
        "for name, low in others]",
        DECISIONS,
    ),
    Fault(
        "top_n counts over all groups",
        "src/scorehouse/scoring/decision.py",
        "[*per, *within, ",
        "[*within, ",
        DECISIONS,
    ),
    Fault(
        "a promotion leaves the alias with the version that had it, too",
        "src/scorehouse/registration/promote.py",
        "    return replace(version, aliases=others)\n",
        "    return version\n",
        FORGOTTEN,
    ),
    Fault(
        "SIGTERM ends the process at once",
        "src/dbt_scorehouse/__init__.py",
        "            signal.signal(number, _stop)\n",
        "            pass\n",
        TERMINATED,
    ),
    Fault(
        "a registry table that differs from version control is not noticed",
        "src/scorehouse/registry/registry_file.py",
        " else next(_differences(versions, rows), None)\n",
        " else None\n",
        FORGOTTEN,
    ),
    Fault(
        "the registry table says which version scores",
        "src/scorehouse/registry/registry_file.py",
        "        versions, rows = self.versions(call), list(seeded)\n",
        "        return [Version.from_row(row) for row in seeded]\n",
        FORGOTTEN,
    ),
    Fault(
        "registrations at the same time do not wait for one another",
        "src/scorehouse/registration/lock.py",
        "    if file in held:\n",
        "    if True:\n",
        REGISTER,
    ),
    Fault(
        "scores of accepted rows go to the places of others",
        "src/scorehouse/kernel/scorer.py",
        "    indices[keep] = np.arange(len(keep))\n",
        "    indices[keep] = np.arange(len(keep))[::-1]\n",
        ("tests/python/kernel/test_row_status.py", "-k", "get_their_own_values"),
    ),
    Fault(
        "the digest of an artifact is not compared",
        "src/scorehouse/registry/storage.py",
        "    if found != digest:\n",
        "    if False:\n",
        ("tests/python/registration/test_corruption.py", "-k", "damaged"),
    ),
    Fault(
        "a sample to replay is chosen by a column that only the prediction table has",
        "src/scorehouse/replay/logged_run.py",
        "for name in options.key), *",
        "for name in options.row_key), *",
        ("tests/python/scoring/test_replay.py", "-k", "history"),
    ),
    Fault(
        "a backend is compared with itself",
        "src/scorehouse/replay/backend_check.py",
        "expected, found = kernel_rows(kernel, features),",
        "expected, found = kernel_rows(backend.kernel, features),",
        ("tests/python/scoring/test_backend_agrees.py", "-k", "backend_that_is_wrong"),
    ),
    Fault(
        "SQL that Arrow computes differently serves online",
        "src/scorehouse/online/online_backend.py",
        "    if not problem:\n",
        "    if True:\n",
        ("tests/python/scoring/test_online_backends.py", "-k", "differs_on_arrow"),
    ),
    Fault(
        "a row of a person who was forgotten by two columns counts twice",
        "src/scorehouse/project/forgotten.py",
        "if len(keep) > 1:",
        "if False:",
        ("tests/python/forgetting/test_forget.py", "-k", "second_column"),
    ),
)
