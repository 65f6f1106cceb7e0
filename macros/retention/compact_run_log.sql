{#- Rewrites the run log on Spark as one file: each run adds two small ones. The old table is moved aside, and dropped
    once the new one has all of its rows, those too that were added in the meantime. -#}
{% macro compact_run_log(least_files=100) %}
    {% set call = 'compact_run_log' %}
    {% do scorehouse._check_number(call, 'least_files', least_files, 'pass a number in --args', lowest=1) %}
    {% if execute %}
        {% do scorehouse.ensure_run_log() %}
        {% set log_table = scorehouse.run_log_relation() %}
        {% set existing = adapter.get_relation(log_table.database, log_table.schema, log_table.identifier) %}
        {% if not scorehouse._by_database({'default': false, 'spark': true}) or existing.is_delta or existing.is_iceberg %}
            {% do scorehouse._argument_error(
                call, 'least_files', least_files, 'a run log of Parquet files on Spark; this is one of ' ~ target.type,
                'use the tools of the table format there, such as OPTIMIZE of Delta'
            ) %}
        {% endif %}
        {% do scorehouse._take_in_old_run_log(log_table) %}
        {% set files = run_query('select count(distinct _metadata.file_path) from ' ~ log_table).columns[0].values()[0] | int %}
        {% if files >= least_files %}
            {% do scorehouse._check_no_open_runs(call, log_table, least_files) %}
            {% set new, old = scorehouse._beside_run_log(log_table, 'new'), scorehouse._beside_run_log(log_table, 'old') %}
            {% do run_query('drop table if exists ' ~ new) %}
            {% do run_query('create table ' ~ new ~ ' using parquet as select /*+ repartition(1) */ * from ' ~ log_table) %}
            {% do adapter.rename_relation(log_table, old) %}
            {% do adapter.rename_relation(new, log_table) %}
            {% do scorehouse._take_in_old_run_log(log_table) %}
        {% endif %}
        {% set done = 'made one of them' if files >= least_files else 'left as they are, since they are few' %}
        {{ log('scorehouse: ' ~ log_table ~ ': ' ~ files ~ ' files, ' ~ done, info=true) }}
    {% endif %}
{% endmacro %}


{#- Rows of a log that was moved aside which the log does not have; then drops it. -#}
{% macro _take_in_old_run_log(log_table) %}
    {% set old = scorehouse._beside_run_log(log_table, 'old') %}
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
    {% set open = run_query(
        "select distinct node from " ~ log_table ~ " as begun where status = 'started' and started_at > "
        ~ scorehouse._days_ago(var('scorehouse_spark_lease_hours', 24) / 24) ~ " and not exists (select 1 from "
        ~ log_table ~ " as closing where closing.parent_run_id = begun.parent_run_id and closing.status <> 'started')"
    ).columns[0].values() | join(', ') %}
    {% if open %}
        {% do scorehouse._fail(
            'scorehouse.' ~ call ~ '(least_files=' ~ least_files ~ ')', 'runs are open: ' ~ open, 'no run at work',
            'wait for their end; one that was killed counts until scorehouse_spark_lease_hours have passed'
        ) %}
    {% endif %}
{% endmacro %}


{% macro _beside_run_log(log_table, ending) %}
    {{ return(api.Relation.create(
        database=log_table.database, schema=log_table.schema, type='table',
        identifier=log_table.identifier ~ '__scorehouse_' ~ ending
    )) }}
{% endmacro %}
