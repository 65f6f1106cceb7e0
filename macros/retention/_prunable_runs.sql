{#- SQL that is true for rows of the run log that nothing needs any more. -#}
{% macro _prunable_runs(log_table, days) %}
    {% set text = dbt.type_string() %}
    {% set kept = scorehouse._tables_of_runs(log_table) %}
    started_at < {{ scorehouse._days_ago(days) }}
    and run_id not in (
        select run_id
        from (
            select
                run_id,
                row_number() over (
                    partition by prediction_table, model_name, model_version, alias_asked
                    order by started_at desc, finished_at desc
                ) as place
            from {{ log_table }}
            where status = 'success'
        ) as ranked
        where place = 1
    )
    {%- for table in kept.readable %}
    and cast(run_id as {{ text }}) not in (
        select cast(scoring_run_id as {{ text }}) from {{ table }} where scoring_run_id is not null
    )
    {%- endfor %}
    {%- for name in kept.unreadable %}
    and prediction_table <> {{ scorehouse._text_literal(name) }}
    {%- endfor %}
{% endmacro %}

{#- The prediction tables in the run log. `readable` tables exist, and their rows refer to runs.
    `unreadable` tables cannot be identified by name, so all their runs are kept. The runs of a table that
    no longer exists have no reader. -#}
{% macro _tables_of_runs(log_table) %}
    {% set found = {'readable': [], 'unreadable': []} %}
    {% if execute %}
        {% set names = run_query(
            'select distinct prediction_table from ' ~ log_table ~ ' where prediction_table is not null'
        ).columns[0].values() %}
        {% for name in names %}
            {% set parts = name.replace('"', '').replace('`', '').split('.') %}
            {% if parts | length != 3 %}
                {% do found.unreadable.append(name) %}
            {% else %}
                {% set table = adapter.get_relation(parts[0], parts[1], parts[2]) %}
                {% set columns = adapter.get_columns_in_relation(table) | map(attribute='name') | map('lower') | list
                    if table is not none else [] %}
                {% do found.readable.append(table) if 'scoring_run_id' in columns %}
            {% endif %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
