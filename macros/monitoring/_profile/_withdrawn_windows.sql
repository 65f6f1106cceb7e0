{#- Whether a model is built again in which a window that comes again replaces its rows. -#}
{% macro _replaces_windows() %}
    {#- A macro can run outside of a model. #}
    {% set is_again = model is defined and model.resource_type == 'model' and is_incremental() %}
    {{ return(is_again and (config.get('unique_key') or config.get('partition_by')) is not none) }}
{% endmacro %}


{#- The rest of a union: a row of the kind `withdrawn`, which nothing judges, in place of each window whose rows are all
    gone, such as those of a load that was taken back. Windows that went with time, or as later runs scored their rows
    again, stay: all runs but the newest, days before the oldest one that is there, and days before the newest one if a
    quarter of those since the oldest are gone. -#}
{% macro _withdrawn_windows(predictions, day, types) %}
{%- if scorehouse._replaces_windows() %}
{%- set kept = ['ml_model', 'version', 'run_id', 'window_start', 'window_end', 'segment', 'time_zone'] %}
{%- set given = {
    'part': "'feature'", 'feature': scorehouse._all_features(), 'kind': "'withdrawn'", 'row_count': '0'
} %}
    union all
    select distinct
        {%- for name, type in types.items() %}
        {{ name if name in kept else 'cast(' ~ given.get(name, 'null') ~ ' as ' ~ type ~ ')' }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ scorehouse._named(this, 'profiled') }}
    where segment = 'all'
        {%- if day is none %}
        and window_start > (select max(scored_at) from {{ scorehouse._named(predictions, 'newest') }})
        {%- else %}
        and window_start in (
            select window_start
            from (
                select
                    known.window_start,
                    known.window_start > max(present.window_start) over () as is_newest,
                    case when present.window_start is null then 1e0 else 0e0 end as is_gone,
                    avg(case when present.window_start is null then 1e0 else 0e0 end) over () as share_gone
                from (select distinct window_start from {{ this }} where segment = 'all') as known
                left join (select distinct window_start from windows) as present
                    on known.window_start = present.window_start
                where known.window_start >= (select min(window_start) from windows)
            ) as days
            where is_gone = 1e0
                and (is_newest or share_gone < 0.25e0)
        )
        {%- endif %}
{%- endif %}
{% endmacro %}
