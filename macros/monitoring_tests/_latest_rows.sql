{#- All rows of a table of windows, or only the newest window of each ML model, which the table is read once for. In a
    subquery, PostgreSQL would compute a view once per row. The days before the newest one count too that
    its run has scored: up to two weeks, but two days of a run that scored more, such as one that scores all rows. -#}
{% macro _latest_rows(model, latest) %}
    {%- set stamp = dbt.type_timestamp() %}
    {%- if not latest %}
    select * from {{ scorehouse._named(model, 'all_rows') }}
    {%- else %}
    select *
    from (
        select
            *,
            min(case when run_id = newest_run then window_start end)
                over (partition by ml_model, version) as first_start
        from (
            select
                *,
                max(case when window_start = newest_start then run_id end)
                    over (partition by ml_model, version) as newest_run
            from (
                select *, max(window_start) over (partition by ml_model) as newest_start
                from {{ scorehouse._named(model, 'all_rows') }}
            ) as dated
        ) as of_run
    ) as placed
    where window_start is null
        or window_start = newest_start
        or (
            run_id = newest_run
            and window_end = cast({{ dbt.dateadd('day', 1, 'window_start') }} as {{ stamp }})
            and (
                window_start >= cast({{ dbt.dateadd('day', -2, 'newest_start') }} as {{ stamp }})
                or first_start >= cast({{ dbt.dateadd('day', -13, 'newest_start') }} as {{ stamp }})
            )
        )
    {%- endif %}
{% endmacro %}
