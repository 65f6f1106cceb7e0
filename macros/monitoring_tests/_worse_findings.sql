{#- The rows of a performance table whose metric is certainly worse than its limit: for a metric where lower is better,
    such as log loss, the highest value allowed. With a registry, the limits are how much worse it may be than at
    registration, and a metric without a value there fails too: nothing could be compared. -#}
{% macro _worse_findings(
    call, model, limits, segments, latest, min_labels, require_rows=false, registry=none, output=none
) %}
{% set limit, registered = scorehouse._case_of('metric', limits), {} %}
{% for metric in limits if registry is not none %}
    {% do registered.update({metric: scorehouse._registered_metric('registry.metrics', metric, output)}) %}
{% endfor %}
{% set reference = scorehouse._case_of('metric', registered) %}
with measured as (

    {{ scorehouse._mature_rows(call, model, limits, segments, latest, min_labels) }}

),

limited as (

    select
        measured.*,
        {%- if registry is not none %}
        {{ reference }} as reference_value,
        {{ reference }} + case when {{ scorehouse._lower_is_better() }} then 1e0 else -1e0 end * {{ limit }}
        {%- else %}
        {{ limit }}
        {%- endif %} as own_threshold
    from measured
    {%- if registry is not none %}
    left join {{ scorehouse._named(registry, 'registry') }}
        on measured.ml_model = registry.name
        and measured.version = registry.version
    {%- endif %}

),

{{ scorehouse._certainly_worse('limited', 'judged', 'own_threshold', scorehouse._has_intervals(model)) }}

select
    ml_model,
    version,
    segment,
    metric,
    value,
    own_threshold as threshold,
    {{ 'reference_value,' if registry is not none }}
    window_start,
    window_end,
    n_current,
    {{ "'above'" if call == 'calibrated' else "'below'" if registry is none
        else "case when reference_value is null then 'no_reference' else 'below_reference' end" }} as problem
from judged
where adjusted_p < 0.01e0
    {{ 'or reference_value is null' if registry is not none }}
{%- if require_rows %}

union all

select null, null, null, null, null, null, {{ 'null,' if registry is not none }} null, null, count(*), 'no_rows'
from measured
having count(*) = 0
{%- endif %}
{% endmacro %}
