{#- The select of one row per ML model: whether it should be retrained, and why. Each table is optional; a
    table that is not given contributes no reason. A data fault is looked at first: while there is one, the answer is
    no. -#}
{% macro retraining_signals(
    registry, drift=none, performance=none, predictions=none, limits={}, as_of=none, recent_drift=none
) %}
    {% set call = 'retraining_signals' %}
    {% do scorehouse._check_relation(call, 'registry', registry, 'ml_churn') %}
    {% set tables = {'drift': drift, 'predictions': predictions, 'recent_drift': recent_drift} %}
    {% for argument, value in tables.items() %}
        {% do scorehouse._check_relation(call, argument, value, 'churn_' ~ argument, optional=true) %}
    {% endfor %}
    {% set known = {
        'alias': 'champion', 'drifted_features': 1, 'drifted_outputs': none, 'metric': 'roc_auc', 'output': none,
        'decay': 0.05, 'age_days': none, 'rejected_share': 0.05, 'min_labels': 50
    } %}
    {% set limits = scorehouse._options(call, 'limits', limits, known) %}
    {% do scorehouse._check_output(call, 'limits', limits.output) %}
    {% set judged = scorehouse._judged_outputs(call, performance, limits) %}
    {% do scorehouse._check_rules(call, [
        ('limits', limits.metric, performance is not none and scorehouse._has_no_interval(limits.metric),
            'a metric with an interval, which says what is chance', "write another, such as `{'metric': 'roc_auc'}`"),
    ]) %}
    {% for name in ['drifted_features', 'drifted_outputs', 'age_days', 'rejected_share', 'min_labels'] %}
        {% do scorehouse._check_number(
            call, 'limits', limits[name], 'write a number for `' ~ name ~ '`, or null for no such reason',
            lowest=1 if name.startswith('drifted') else 0, optional=true
        ) %}
    {% endfor %}

{% set text, bigint, double = dbt.type_string(), dbt.type_bigint(), scorehouse._type_double() %}
{% set of_outputs = drift is not none and limits.drifted_outputs is not none %}
{#- Features that drift move the outputs. That is one fact, and one reason. -#}
{% set alone = 'n_drifted_outputs' if limits.drifted_features is none
    else '(case when n_drifted < ' ~ limits.drifted_features ~ ' then n_drifted_outputs end)' %}
{#- Labels come late: until then, drift judges alone. -#}
{% set not_judged = 'n_drifted is null' if drift is not none else
    'decay is null and rejected_share is null' ~ (' and age_days is null' if limits.age_days is not none) %}
{% set now = scorehouse._moment(as_of) if as_of else scorehouse._utc_now() %}
{% set watched = [drift, recent_drift] | reject('none') | list %}
{% set refit = scorehouse._loaded_beside(registry, 'refit') %}
{#- A refit that was measured, and is not certain to help, is no answer to a reason. -#}
{% set no_help = "refit <> 'helps'" %}

with live as (

    select
        name as ml_model,
        version,
        trained_to,
        registered_at,
        {%- for one in judged %}
        {{ scorehouse._registered_metric('metrics', limits.metric, one.output) }} as reference_{{ loop.index }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ registry }}
    where {{ scorehouse._holds_alias(limits.alias) }}

),

{{ scorehouse._data_faults(watched, scorehouse._loaded_beside(registry, 'reference')) if watched }}

{{ scorehouse._drifted(limits) if drift is not none }}
{{ scorehouse._decayed(judged, limits) }}
{%- if refit is not none %}
{{ scorehouse._measured_refit(refit, watched + (judged | map(attribute='relation') | reject('none') | list)) }}
{%- endif %}
{%- if predictions is not none %}

rejections as (

    select
        model_name as ml_model,
        model_version as version,
        avg(case when row_status = 'rejected' then 1e0 else 0e0 end) as rejected_share
    from {{ predictions }}
    group by model_name, model_version

),
{%- endif %}

facts as (

    select
        live.ml_model,
        live.version,
        {{ 'drifted.n_drifted' if drift is not none else 'cast(null as ' ~ bigint ~ ')' }} as n_drifted,
        {{ 'drifted.drifted_features' if drift is not none else 'cast(null as ' ~ text ~ ')' }} as drifted_features,
        {%- if of_outputs %}
        drifted.n_drifted_outputs,
        drifted.drifted_outputs,
        {%- endif %}
        decayed.output,
        decayed.reference_value,
        decayed.current_value,
        decayed.decay,
        decayed.reasons as decay_reasons,
        {{ dbt.datediff(
            'cast(coalesce(nullif(live.trained_to, ' ~ "''" ~ '), substring(live.registered_at, 1, 10)) as date)',
            'cast(' ~ now ~ ' as date)', 'day'
        ) }} as age_days,
        {{ 'rejections.rejected_share' if predictions is not none else 'cast(null as ' ~ double ~ ')' -}}
        {{ ' as rejected_share' }},
        {{ 'data_faults.faults' if watched else 'cast(null as ' ~ text ~ ')' }} as faults,
        {{ 'measured_refit.verdict' if refit is not none else 'cast(null as ' ~ text ~ ')' }} as refit
    from live
    {%- for cte, is_there in [
        ('data_faults', watched), ('drifted', drift), ('decayed', true), ('rejections', predictions),
        ('measured_refit', refit)
    ] if is_there %}
    left join {{ cte }}
        on {{ scorehouse._same('live', cte, ['ml_model', 'version']) }}
    {%- endfor %}

),

reasoned as (

    select
        *,
        {{ scorehouse._reason('n_drifted', limits.drifted_features, 'drift of ', 'drifted_features') }}
        {%- if of_outputs %}
        || {{ scorehouse._reason(alone, limits.drifted_outputs, 'drift of output ', 'drifted_outputs') }}
        {%- endif %}
        || coalesce(decay_reasons, '')
        || {{ scorehouse._reason(
            'age_days', limits.age_days, 'days since training: ', 'cast(age_days as ' ~ text ~ ')', strict=true
        ) }} as all_reasons,
        {{ scorehouse._reason('n_drifted', limits.drifted_features, 'drift') }}
        {%- if of_outputs %}
        || {{ scorehouse._reason(alone, limits.drifted_outputs, 'output_drift') }}
        {%- endif %}
        || case when decay_reasons <> '' then '; decay' else '' end
        || {{ scorehouse._reason('age_days', limits.age_days, 'age', strict=true) }} as all_codes,
        coalesce('; ' || faults, '') || {{ scorehouse._reason(
            'rejected_share', limits.rejected_share, 'share of rejected rows: ',
            'cast(round(cast(rejected_share as decimal(18, 6)), 4) as ' ~ text ~ ')', strict=true
        ) }} as all_faults,
        {#- What was given and says nothing about this version. #}
        {{ "''" if drift is none else "case when n_drifted is null then '; drift: no window judges this version'"
            ~ " else '' end" }}
        {%- if judged | selectattr('relation') | list %}
        || case when decay is null then {{ scorehouse._text_literal('; ' ~ limits.metric) }}
            || ': no value to compare with that of registration' else '' end
        {%- endif %}
        {%- if predictions is not none %}
        || case when rejected_share is null then '; predictions: none of this version' else '' end
        {%- endif %} as all_unjudged
    from facts

),

final as (

    select
        ml_model,
        cast(version as {{ dbt.type_int() }}) as version,
        case
            when all_faults <> '' or (all_reasons <> '' and {{ no_help }}) then false
            when all_reasons <> '' then true
            when {{ not_judged }} then cast(null as {{ dbt.type_boolean() }})
            else false
        end as retrain,
        case when all_reasons <> '' then substring(all_reasons, 3) end as reasons,
        case when all_codes <> '' then substring(all_codes, 3) end as reason_codes,
        case when all_faults <> '' then substring(all_faults, 3) end as data_faults,
        cast(n_drifted as {{ bigint }}) as n_drifted,
        drifted_features,
        {%- if of_outputs %}
        cast(n_drifted_outputs as {{ bigint }}) as n_drifted_outputs,
        drifted_outputs,
        {%- endif %}
        {{ scorehouse._text_literal(limits.metric) }} as metric,
        {{- '\n        output,' if judged | length > 1 }}
        reference_value,
        current_value,
        decay,
        cast(age_days as {{ bigint }}) as age_days,
        rejected_share,
        case
            when all_faults <> '' then 'data_fault'
            when all_reasons <> '' and {{ no_help }} then 'refit_no_help'
            when all_reasons <> '' then 'retrain'
            when {{ not_judged }} then 'not_judged'
            else 'not_needed'
        end as status,
        case when all_unjudged <> '' then substring(all_unjudged, 3) end as not_judged,
        refit
    from reasoned

)

select * from final
{% endmacro %}
