{#- The select of a profile: how many rows fall into each bin of the training reference, for every feature
    and output at once. Counts add up, so any window is a sum over profiles. -#}
{% macro profile(predictions, reference, features=none, key=none, day=none, segments=[], signature=none) %}
    {% set call = 'profile' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_relation(call, 'reference', reference, 'ml_churn__reference') %}
    {% do scorehouse._check_relation(call, 'features', features, 'customer_features', optional=true) %}
    {% set key = scorehouse._column_list(call, 'key', key, 'customer_id') if features is not none else key %}
    {% do scorehouse._check_relation(call, 'signature', signature, 'ml_churn__signature', optional=true) %}
    {% do scorehouse._check_text(
        call, 'day', day, 'the name of a column that holds a date or a timestamp',
        'write `day: order_date`, or leave it out to profile by scoring run', optional=true
    ) %}
    {% set segmentations = scorehouse._segmentations(call, segments) %}

    {% if not scorehouse._is_loaded(call, 'reference', reference) %}
        {{ return('select 1 as never_built') }}
    {% endif %}
    {% do scorehouse._check_reference(call, reference, predictions) %}
    {% set columns = scorehouse._without_day(call, scorehouse._reference_columns(reference, signature), day) %}
    {% if features is not none %}
        {% do scorehouse._check_profile_columns(call, columns, features, 'feature') %}
        {% do scorehouse._check_profile_columns(call, columns, predictions, 'output') %}
    {% else %}
        {% do scorehouse._check_profile_columns(call, columns, predictions, none) %}
    {% endif %}

{% set text = dbt.type_string() %}
{% set cell = 'ml_model, version, ' ~ ('run_id' if day is none else 'day') %}
{#- A column that is numeric in one version and a category in the other fills two slots. -#}
{% set slots, slot_keys = [], [] %}
{% for column in columns %}
    {% for kind in column.kinds.values() | unique | sort(reverse=true) %}
        {% do slot_keys.append(cell ~ ', k' ~ slots | length) %}
        {% do slots.append({'name': 'k' ~ slots | length, 'column': column, 'kind': kind}) %}
    {% endfor %}
{% endfor %}
{%- set features_of_rows = scorehouse._each(
    'v<value>', columns | selectattr('part', 'equalto', 'feature') | map(attribute='index')
) %}

with {{ scorehouse._profile_source(
    predictions=predictions, features=features, key=key, day=day, segmentations=segmentations, columns=columns,
    reference=reference
) }},

keyed as (

    select
        *,
        {%- for slot in slots %}
        {{ scorehouse._slot_expression(slot) }} as {{ slot.name }}{{ ',' if not loop.last }}
        {%- endfor %}{{ ',' if features_of_rows }}
        {%- if features_of_rows %}
        {{ scorehouse._rows_hash(features_of_rows) }} as row_hash
        {%- endif %}
    from scored

),

{%- if features_of_rows %}

{#- Per window, the rows that have the features of another row of the window. #}
copies as (

    select
        {{ cell }},
        count(*) as n_copies
    from keyed
    group by {{ cell }}, row_hash

),

repeats as (

    select
        {{ cell }},
        sum(n_copies) as n_rows,
        sum(case when n_copies > 1 then n_copies else 0 end) as n_repeated
    from copies
    group by {{ cell }}

),
{%- endif %}

counted as (

    select
        {{ cell }},
        {{ scorehouse._segment_name(segmentations) }} as segment,
        case
            {%- for slot in slots %}
            when grouping({{ slot.name }}) = 0 then {{ loop.index0 }}
            {%- endfor %}
        end as slot,
        coalesce(
            {%- for slot in slots %}
            cast({{ slot.name }} as {{ text }}){{ ',' if not loop.last }}
            {%- endfor %}
        ) as bin_value,
        count(*) as row_count
    from keyed
    {{ scorehouse._by_segment(slot_keys, segmentations) }}

),

described as (

    select
        {{ cell }},
        {{ scorehouse._segment_name(segmentations) }} as segment,
        count(*) as n_rows,
        {%- if day is none %}
        min(scored_at) as window_start,
        max(scored_at) as window_end,
        {%- else %}
        case when min(run_id) = max(run_id) then min(run_id) end as run_id,
        {%- endif %}
        {%- for column in columns %}
        {%- set i = column.index %}
        count(*) - count(v{{ i }}) as null{{ i }},
        {%- if column.is_numeric %}
        {%- if column.is_age %}
        0 as nan{{ i }},
        {%- else %}
        sum(
            case when v{{ i }} is not null and x{{ i }} is null and {{ scorehouse._is_nan('v' ~ i) }} then 1 else 0 end
        ) as nan{{ i }},
        {%- endif %}
        count(v{{ i }}) - count(x{{ i }}) as odd{{ i }},
        {%- if column.minimums %}
        sum(case when x{{ i }} < {{ scorehouse._by_version(column.minimums) }} then 1 else 0 end) as below{{ i }},
        sum(case when x{{ i }} > {{ scorehouse._by_version(column.maximums) }} then 1 else 0 end) as above{{ i }},
        {%- endif %}
        {{ scorehouse._mean('x' ~ i) }} as mean{{ i }},
        stddev_pop(x{{ i }}) as deviation{{ i }},
        min(x{{ i }}) as minimum{{ i }},
        max(x{{ i }}) as maximum{{ i }}{{ ',' if not loop.last }}
        {%- else %}
        count(v{{ i }}) as filled{{ i }}{{ ',' if not loop.last }}
        {%- endif %}
        {%- endfor %}
    from keyed
    {{ scorehouse._by_segment([cell], segmentations) }}

),

windows as (

    select
        {{ cell }},
        {%- if day is none %}
        window_start,
        window_end
        {%- else %}
        run_id,
        day as window_start,
        {{ dbt.dateadd('day', 1, 'day') }} as window_end
        {%- endif %},
        {{ 'cast(null as ' ~ text ~ ')' if day is none else scorehouse._zone_of(day, [features, predictions]) }}
            as time_zone
    from described
    where segment = 'all'

),

{{ scorehouse._profile_bins(reference, slots, cell) }},

{{ scorehouse._profile_rows(columns, cell, features_of_rows != [], reference, predictions, day) }}

select * from final
{% endmacro %}
