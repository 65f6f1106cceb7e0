{#- Deletes old as-of dates from a prediction history, in one transaction. By default, it only says how many
    rows it would delete. The next run scores a deleted date again if the feature table still has it. -#}
{% macro prune_history(table, older_than_days=none, as_of='as_of', dry_run=true) %}
    {% set call = 'prune_history' %}
    {% set days = scorehouse._retention_days(
        call, older_than_days, 'scorehouse_history_retention_days', var('scorehouse_history_retention_days', none)
    ) %}
    {% do scorehouse._check_bool(call, 'dry_run', dry_run) %}
    {% set relation = scorehouse._history_relation(call, table, as_of) %}
    {% set condition = adapter.quote(as_of) ~ ' < ' ~ scorehouse._days_ago(days) %}
    {{ return(scorehouse._prune(
        relation, condition, 'rows with ' ~ as_of ~ ' older than ' ~ days ~ ' days', dry_run
    )) }}
{% endmacro %}
