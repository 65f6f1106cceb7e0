{#- Whether a model is built again in which a window that comes again replaces its rows. -#}
{% macro _replaces_windows() %}
    {#- A macro can run outside of a model. #}
    {% set is_again = model is defined and model.resource_type == 'model' and is_incremental() %}
    {{ return(is_again and (config.get('unique_key') or config.get('partition_by')) is not none) }}
{% endmacro %}


{#- The rest of a union: a row of the kind `withdrawn`, which nothing judges, in place of each window whose rows are all
    gone, such as those of a load that was taken back. Windows that went with time, or as later runs scored their rows
    again, stay: days before the oldest one that is there, and all runs but the newest. -#}
{% macro _withdrawn_windows(predictions, day, columns) %}
{%- if scorehouse._replaces_windows() %}
{%- set kept = ['ml_model', 'version', 'run_id', 'window_start', 'window_end', 'segment', 'time_zone'] %}
{%- set given = {
    'part': "'feature'", 'feature': scorehouse._all_features(), 'kind': "'withdrawn'", 'row_count': '0'
} %}
    union all
    select distinct
        {%- for name, type in columns.items() %}
        {{ name if name in kept else 'cast(' ~ given.get(name, 'null') ~ ' as ' ~ type ~ ')' }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ scorehouse._named(this, 'profiled') }}
    where segment = 'all'
        {%- if day is none %}
        and window_start > (select max(scored_at) from {{ scorehouse._named(predictions, 'newest') }})
        {%- else %}
        and window_start > (select min(window_start) from windows)
        and window_start not in (select window_start from windows)
        {%- endif %}
{%- endif %}
{% endmacro %}
