{#- Rows of a log that was moved aside which the log does not have; then drops it. -#}
{% macro _take_in_old_run_log(log_table) %}
    {% set old = scorehouse._beside(log_table, '__scorehouse_old') %}
    {% if load_relation(old) is not none %}
        {% do run_query('refresh table ' ~ log_table) %}
        {% do run_query('refresh table ' ~ old) %}
        {% set lacking = ' from ' ~ old ~ ' as old_rows where not exists (select 1 from ' ~ log_table
            ~ ' as log_rows where log_rows.run_id <=> old_rows.run_id and log_rows.status <=> old_rows.status)' %}
        {#- an insert of no rows would add a file -#}
        {% if run_query('select count(*)' ~ lacking).columns[0].values()[0] | int > 0 %}
            {% do run_query('insert into ' ~ log_table ~ ' select old_rows.*' ~ lacking) %}
        {% endif %}
        {% do adapter.drop_relation(old) %}
    {% endif %}
{% endmacro %}


{#- On an object store, a rename copies files: a row that is added meanwhile could be lost. -#}
{% macro _check_no_open_runs(call, log_table, least_files) %}
    {% set hours = var('scorehouse_spark_lease_hours', 24) %}
    {% do scorehouse._check_number(
        call, 'scorehouse_spark_lease_hours', hours, 'set the variable to the hours that a run may take', lowest=0
    ) %}
    {% set open = run_query(
        "select distinct node from " ~ log_table ~ " as begun where status = 'started' and started_at > "
        ~ scorehouse._days_ago(hours / 24) ~ " and not exists (select 1 from "
        ~ log_table ~ " as closing where closing.parent_run_id = begun.parent_run_id and closing.status <> 'started')"
    ).columns[0].values() | join(', ') %}
    {% do scorehouse._check_facts('scorehouse.' ~ call ~ '(least_files=' ~ least_files ~ ')', [
        (open, 'runs are open: ' ~ open, 'no run at work',
            'wait for their end; one that was killed counts until scorehouse_spark_lease_hours have passed'),
    ]) %}
{% endmacro %}
