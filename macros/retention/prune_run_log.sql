{#- Deletes old runs from the run log, in one transaction. By default, it only says how many it would
    delete. A run is kept while a row of a prediction table refers to it, and while it is the last success
    of its version there: rescoring, replay and freshness read these runs. -#}
{% macro prune_run_log(older_than_days=none, dry_run=true) %}
    {% set call = 'prune_run_log' %}
    {% set days = scorehouse._retention_days(
        call, older_than_days, 'scorehouse_run_log_retention_days', var('scorehouse_run_log_retention_days', none)
    ) %}
    {% do scorehouse._check_bool(call, 'dry_run', dry_run) %}
    {% set log_table = scorehouse.run_log_relation() %}
    {% do scorehouse._check_rules(call, [
        ('older_than_days', days, execute and load_relation(log_table) is none,
            'a run log; there is none in ' ~ log_table.schema,
            'name the target that scores, or the schema in the variable scorehouse_run_log_schema'),
    ]) %}
    {{ return(scorehouse._prune(
        log_table, scorehouse._prunable_runs(log_table, days), 'runs older than ' ~ days ~ ' days', dry_run
    )) }}
{% endmacro %}
