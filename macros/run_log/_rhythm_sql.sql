{#- One row: how often a prediction table is scored and how often its input changes, in days, NULL where three gaps are
    not known yet; when the input last changed, in a run before the last; and how the newest run ended. As in the
    report, the usual gap is the second longest of the ten newest gaps between days. -#}
{% macro _rhythm_sql(predictions) %}
{#- A run that began in the future was logged before the clock was set back. -#}
{% set latest = dbt.dateadd('minute', 5, scorehouse._utc_now()) %}
with ended as (

    select
        started_at,
        finished_at,
        status,
        error,
        rows_in + coalesce(rows_unchanged, 0) + coalesce(rows_left, 0) as rows_there,
        case
            when status <> 'success' then 0
            when input_fingerprint = lag(input_fingerprint) over (partition by status order by started_at) then 0
            {#- a run that compares rows reads only those to score: they may be there for another version #}
            when rescore_rule not in ('all', 'given') and rows_new + rows_changed = 0 then 0
            else 1
        end as has_new_input,
        row_number() over (
            order by case when started_at <= {{ latest }} then 0 else 1 end, started_at desc
        ) as place
    from {{ scorehouse.run_log_relation() }}
    where prediction_table = {{ scorehouse._text_literal(predictions) }}
        and status <> 'started'
        and slice_from is null
        and (is_live is null or is_live)

),

days as (

    {%- for what, counts in {'scored': "status = 'success'", 'input': 'has_new_input = 1'}.items() %}
    select '{{ what }}' as what, cast(started_at as date) as day, max(finished_at) as newest_at
    from ended
    where {{ counts }}
    group by cast(started_at as date)
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{{ scorehouse._longest_gaps('days', 'day', 'what') }}

select
    max(case when what = 'scored' then gap_days end) as scored_gap,
    max(case when what = 'input' then gap_days end) as input_gap,
    (select max(newest_at) from gaps where what = 'input') as input_at,
    (select max(status) from ended where place = 1) as newest_status,
    (select max(error) from ended where place = 1) as newest_error,
    (select max(rows_there) from ended where place = 1) as newest_rows
from longest
where length_place = 2
    and n_gaps >= 3
{% endmacro %}


{#- From which age in days on something is late that usually comes after so many days. -#}
{% macro _late_after(gap) %}
    {{ return('(' ~ gap ~ ' + greatest(0.5e0, 0.25e0 * ' ~ gap ~ '))') }}
{% endmacro %}


{#- The rows that the last successful run of a prediction table left for later runs, and when it ended: one
    row, or none if the log has no run. A run that began in the future was logged before the clock was set
    back: it counts only if there is no other run. Five minutes allow for the clock skew of two machines.
    -#}
{% macro _last_run_sql(predictions) %}
{% set latest = dbt.dateadd('minute', 5, scorehouse._utc_now()) %}
select
    max(finished_at) as finished_at,
    coalesce(sum(rows_left), 0) as rows_left
from {{ scorehouse.run_log_relation() }}
where prediction_table = {{ scorehouse._text_literal(predictions) }}
    and status = 'success'
    and started_at = (
        select coalesce(max(case when started_at <= {{ latest }} then started_at end), max(started_at))
        from {{ scorehouse.run_log_relation() }}
        where prediction_table = {{ scorehouse._text_literal(predictions) }}
            and status = 'success'
    )
having count(*) > 0
{% endmacro %}
