{#- Rewrites the run log on Spark as one file: each run adds two small ones. The old table is moved aside, and dropped
    once the new one has all of its rows, those too that were added in the meantime. -#}
{% macro compact_run_log(least_files=100) %}
    {% set call = 'compact_run_log' %}
    {% do scorehouse._check_number(call, 'least_files', least_files, 'pass a number in --args', lowest=1) %}
    {% if execute %}
        {% do scorehouse.ensure_run_log() %}
        {% set log_table = scorehouse.run_log_relation() %}
        {% set existing = adapter.get_relation(log_table.database, log_table.schema, log_table.identifier) %}
        {% set is_spark = scorehouse._by_database({'default': false, 'spark': true}) %}
        {% do scorehouse._check_rules(call, [
            ('least_files', least_files, not is_spark or existing.is_delta or existing.is_iceberg,
                'a run log of Parquet files on Spark; this is one of ' ~ target.type,
                'use the tools of the table format there, such as OPTIMIZE of Delta'),
        ]) %}
        {% do scorehouse._take_in_old_run_log(log_table) %}
        {#- what other sessions have added since this one has read it -#}
        {% do run_query('refresh table ' ~ log_table) %}
        {% set counted = run_query('select count(distinct _metadata.file_path) from ' ~ log_table) %}
        {% set files = counted.columns[0].values()[0] | int %}
        {% if files >= least_files %}
            {% do scorehouse._check_no_open_runs(call, log_table, least_files) %}
            {% set new = scorehouse._beside(log_table, '__scorehouse_new') %}
            {% set old = scorehouse._beside(log_table, '__scorehouse_old') %}
            {% do run_query('drop table if exists ' ~ new) %}
            {% do run_query(
                'create table ' ~ new ~ ' using parquet as select /*+ repartition(1) */ * from ' ~ log_table
            ) %}
            {% do adapter.rename_relation(log_table, old) %}
            {% do adapter.rename_relation(new, log_table) %}
            {% do scorehouse._take_in_old_run_log(log_table) %}
        {% endif %}
        {% set done = 'made one of them' if files >= least_files else 'left as they are, since they are few' %}
        {{ log('scorehouse: ' ~ log_table ~ ': ' ~ files ~ ' files, ' ~ done, info=true) }}
    {% endif %}
{% endmacro %}
