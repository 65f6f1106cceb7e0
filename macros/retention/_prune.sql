{#- Deletes the rows of a table for which `condition` is true, or counts them, and reports what was done.
    The deletion is one statement and commits itself: dbt rolls back what an operation leaves open. -#}
{% macro _prune(relation, condition, what, dry_run) %}
    {{ return(adapter.dispatch('_prune', 'scorehouse')(relation, condition, what, dry_run)) }}
{% endmacro %}

{% macro default___prune(relation, condition, what, dry_run) %}
    {% if execute %}
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

{#- Spark tables have no transactions, and most of their formats have no `delete`. -#}
{% macro spark___prune(relation, condition, what, dry_run) %}
    {% do scorehouse._argument_error(
        'prune', 'target', target.type, 'a target on DuckDB or PostgreSQL',
        'delete these rows with the tools of the table format: ' ~ condition
    ) %}
{% endmacro %}
