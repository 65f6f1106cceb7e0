{#- The CTE `drifted`: one row per version that its newest window judges, with the names of features that drifted
    (those with a data fault aside), and of outputs if there is a limit for them. It reads what `_data_faults` has
    made of the first table. -#}
{% macro _drifted(limits) -%}
{%- set of_outputs = limits.drifted_outputs is not none %}
drifted_names as (

    select distinct
        ml_model,
        version,
        feature as feature_name,
        cast(null as {{ dbt.type_string() }}) as output_name
    from newest_window_1
    where status = 'drift'
        and segment = 'all'
        and part = 'feature'
        and not exists (
            select 1
            from faults
            where {{ scorehouse._same('faults', 'newest_window_1', ['ml_model', 'version', 'feature']) }}
        )
    {%- if of_outputs %}
    union all
    {#- `score` and `prediction` are one output, and so are `score_late` and `prediction_late`. #}
    select
        ml_model,
        version,
        cast(null as {{ dbt.type_string() }}) as feature_name,
        max(output) as output_name
    from (
        select
            ml_model,
            version,
            {{ scorehouse._output_named('feature') }} as output
        from newest_window_1
        where status = 'drift'
            and segment = 'all'
            and part = 'output'
            {#- A rejected row has no score: `rejected_share` is the reason for that. #}
            and metric not in ('missing_share', 'filled_share')
    ) as drifted_columns
    group by ml_model, version, case when output = 'prediction' then 'score' else output end
    {%- endif %}

),

{#- A version without a verdict in the newest window has not "no drift". #}
judged_versions as (

    select distinct
        ml_model,
        version
    from newest_window_1
    where status in ('ok', 'drift', 'small_drift')
        and segment = 'all'

),

drifted as (

    select
        judged_versions.ml_model,
        judged_versions.version,
        count(feature_name) as n_drifted,
        {{ scorehouse._listed('feature_name') }} as drifted_features
        {%- if of_outputs %},
        count(output_name) as n_drifted_outputs,
        {{ scorehouse._listed('output_name') }} as drifted_outputs
        {%- endif %}
    from judged_versions
    left join drifted_names
        on {{ scorehouse._same('judged_versions', 'drifted_names', ['ml_model', 'version']) }}
    group by judged_versions.ml_model, judged_versions.version

),
{%- endmacro %}


{#- The name of the output in a column of a prediction table: `late` of `score_late`. -#}
{% macro _output_named(column) -%}
    {%- set starts = {'prediction_': 12, 'score_': 7} -%}
    case
                {%- for prefix, start in starts.items() %}
                when substring({{ column }}, 1, {{ start - 1 }}) = '{{ prefix }}'
                    then substring({{ column }}, {{ start }})
                {%- endfor %}
                else {{ column }}
            end
{%- endmacro %}
