{#- All rows of a table of windows, or only the newest window of each ML model, which the table is read once for. In a
    subquery, PostgreSQL would compute a view once per row. -#}
{% macro _latest_rows(model, latest) %}
    {%- if not latest %}
    select * from {{ scorehouse._named(model, 'all_rows') }}
    {%- else %}
    select *
    from (
        select *, max(window_start) over (partition by ml_model) as newest_start
        from {{ scorehouse._named(model, 'all_rows') }}
    ) as placed
    where window_start is null
        or window_start = newest_start
    {%- endif %}
{% endmacro %}
