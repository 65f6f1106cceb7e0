{#- Deletes the rows of a table for which `condition` is true, or counts them, and reports what was done.
    The deletion is one statement and commits itself: dbt rolls back what an operation leaves open. -#}
{% macro _prune(relation, condition, what, dry_run) %}
    {#- Spark tables have no transactions, and most of their formats have no `delete`. -#}
    {% if scorehouse._by_database({'default': false, 'spark': true}) %}
        {% do scorehouse._argument_error(
            'prune', 'target', target.type, 'a target on DuckDB or PostgreSQL',
            'delete these rows with the tools of the table format: ' ~ condition
        ) %}
    {% elif execute %}
        {% set found = run_query('select count(*) from ' ~ relation ~ ' where ' ~ condition).columns[0].values()[0] %}
        {% set total = run_query('select count(*) from ' ~ relation).columns[0].values()[0] %}
        {% if not dry_run %}
            {% call statement('prune', auto_begin=true) %}
                delete from {{ relation }} where {{ condition }}
            {% endcall %}
            {% do adapter.commit() %}
        {% endif %}
        {% set said = 'scorehouse: ' ~ relation ~ ': ' ~ found ~ ' of ' ~ total ~ ' rows, ' ~ what %}
        {% set done = ' (dry_run: nothing was deleted)' if dry_run else ' were deleted' %}
        {{ log(said ~ done, info=true) }}
        {{ return(found | int) }}
    {% endif %}
{% endmacro %}


{#- The number of days, from the argument or else the variable; without either, nothing may be deleted. -#}
{% macro _retention_days(call, older_than_days, variable, default) %}
    {% set days = older_than_days if older_than_days is not none else default %}
    {% do scorehouse._check_number(
        call, 'older_than_days', days,
        'pass older_than_days in --args, or set the variable ' ~ variable, lowest=1, highest=1000000
    ) %}
    {{ return(days) }}
{% endmacro %}


{#- SQL of the time a given number of days ago, in UTC. -#}
{% macro _days_ago(days) %}
    {{ return(dbt.dateadd('second', -((days * 86400) | round | int), scorehouse._utc_now())) }}
{% endmacro %}
