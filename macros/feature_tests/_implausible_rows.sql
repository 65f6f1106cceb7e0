{#- Refuses limits that judge nothing. -#}
{% macro _check_plausible_limits(call, type, limits) %}
    {% set has_both, is_number = limits.mean and (limits.deviation or 0) > 0, type in ['double', 'integer'] %}
    {% do scorehouse._check_rules(call, [
        ('max_missing', none, limits.values() | reject('none') | list == [],
            'at least one limit', 'write `max_missing: 0.67`, or leave the test out'),
    ]) %}
    {% for argument in ['mean', 'deviation', 'min_value', 'max_value'] if limits[argument] is not none %}
        {% do scorehouse._check_rules(call, [
            (argument, limits[argument], not is_number, 'a limit for a feature of the type ' ~ type
                ~ ': max_missing or varies_in', 'leave `' ~ argument ~ '` out'),
            (argument, limits[argument], argument in ['mean', 'deviation'] and not has_both,
                'both mean, other than 0, and deviation, above 0', 'write both from training, or leave both out'),
        ]) %}
    {% endfor %}
{% endmacro %}


{#- The select of `feature_plausible`: a row per day of which most rows are at fault. All of the newest days count,
    since a day that was not corrected would be scored with the next good one; days to come, in any time zone, do not. A
    unit is another one where mean and spread are, and so are most values: neither a few far ones nor many zeros tell.
    What has one value on a day, such as its month, has one on the other days too. Days are compared in their own type,
    if the database tells it, for the sake of partitions. -#}
{% macro _implausible_rows(model, column, type, day, limits, allow_smaller, day_type) %}
{% set gross, double, text = scorehouse._metrics().drift.gross, scorehouse._type_double(), dbt.type_string() %}
{% set is_number = type in ['double', 'integer'] %}
{% set number = 'cast(' ~ column ~ ' as ' ~ double ~ ')' %}
{% set stamp = dbt.type_timestamp() %}
{% set day_of_row = 'cast('
    ~ ('null' if day is none else dbt.date_trunc('day', scorehouse._identifier(day))) ~ ' as ' ~ stamp ~ ')' %}
{% set raw_day = scorehouse._identifier(day) if day_type else day_of_row %}
{% set newest = 'cast(' ~ dbt.date_trunc('day', 'max(' ~ raw_day ~ ')') ~ ' as ' ~ stamp ~ ')' %}
{% set ahead = 'cast(' ~ dbt.dateadd('day', 2, dbt.date_trunc('day', scorehouse._utc_now())) ~ ' as '
    ~ (day_type or stamp) ~ ')' %}
{% set known = {} %}
{% for argument, value in limits.items() if value is not none %}
    {% do known.update({argument: scorehouse._double_literal(value)}) %}
{% endfor %}
{% set has_unit = 'mean' in known %}
{% set outside = [] %}
{% for argument, sign in {'min_value': '<', 'max_value': '>'}.items() if argument in known %}
    {% do outside.append('feature_value ' ~ sign ~ ' ' ~ known[argument]) %}
{% endfor %}
with dated_rows as (

    select
        {{ day_of_row }} as day,
        {{ 'case when ' ~ scorehouse._is_finite(number) ~ ' then ' ~ number ~ ' end' if is_number
            else 'cast(' ~ column ~ ' as ' ~ text ~ ')' }} as feature_value
    from {{ model }}
    {%- if day is not none %}
    where {{ raw_day }} < {{ ahead }}
        and {{ raw_day }} >= (
            select cast({{ dbt.dateadd('day', 1 - gross.days, newest) }} as {{ day_type or stamp }})
            from {{ model }}
            where {{ raw_day }} < {{ ahead }}
        )
    {%- endif %}

),

counted as (

    select
        day,
        cast(count(*) as {{ double }}) as n_rows,
        cast(count(feature_value) as {{ double }}) as n_values,
        min(feature_value) as lowest,
        max(feature_value) as highest,
        avg(case when min(feature_value) < max(feature_value) then 1e0 else 0e0 end) over () as days_that_vary
        {%- if has_unit %},
        {{ scorehouse._mean('feature_value') }} / {{ known.mean }} as by_mean,
        stddev_pop(feature_value) / {{ known.deviation }} as by_spread,
        sum(case when feature_value <> 0 then 1e0 else 0e0 end) as n_filled,
        sum(case when abs(feature_value) >= {{ gross.same }}e0 * abs({{ known.mean }}) then 1e0 else 0e0 end) as n_large
        {%- endif %}
        {%- if outside %},
        sum(case when {{ outside | join(' or ') }} then 1e0 else 0e0 end) as n_outside
        {%- endif %}
    from dated_rows
    group by day

),

judged as (

    select
        *,
        case
            {%- if 'max_missing' in known %}
            when n_rows - n_values > {{ known.max_missing }} * n_rows then 'missing'
            {%- endif %}
            {%- if has_unit %}
            when by_mean >= {{ gross.unit }}e0 and by_spread >= {{ gross.unit }}e0
                and n_large > {{ gross.share }}e0 * n_filled then 'other_unit'
            {%- endif %}
            {%- if has_unit and not allow_smaller %}
            when by_mean > 0 and {{ gross.unit }}e0 * by_mean <= 1 and {{ gross.unit }}e0 * by_spread <= 1
                and by_mean >= by_spread / {{ gross.same }}e0 and by_mean <= {{ gross.same }}e0 * by_spread
                and {{ gross.unit }}e0 * n_large <= n_values
                and n_filled > {{ gross.share }}e0 * n_values then 'other_unit'
            {%- endif %}
            {%- if outside %}
            when n_outside > {{ gross.share }}e0 * n_values then 'outside_range'
            {%- endif %}
            {%- if 'varies_in' in known %}
            when n_values >= {{ known.varies_in }} and lowest = highest
                {{- ' and days_that_vary > ' ~ gross.share ~ 'e0' if day is not none }} then 'constant'
            {%- endif %}
        end as problem
    from counted
    where n_rows >= {{ gross.fewest }}

)

select * from judged
where problem is not null
{% endmacro %}


{#- Stops with what is wrong with a feature on the newest of the days, which other days are wrong, and what to do. -#}
{% macro _fail_as_implausible(model, name, limits, found) %}
    {% set table, row, days = model.identifier if model is mapping else 'the feature table', found[0], [] %}
    {% for one in found %}
        {% do days.append((one.day | string)[:10]) %}
    {% endfor %}
    {% set rows = (row.n_rows | int) ~ ' rows' ~ (' of ' ~ days[0] if row.day is not none else '') %}
    {% set more = ' and ' ~ (days | length - 3) ~ ' more' if days | length > 3 else '' %}
    {% set others = '; also wrong: ' ~ (days[1:3] | join(', ')) ~ more if days | length > 1 else '' %}
    {% set factor = '%.2g' | format(row.by_mean | default(0) | float) | float %}
    {% set said, expected = {
        'missing': (
            'is missing in ' ~ ((row.n_rows - row.n_values) | int) ~ ' of the ' ~ rows,
            'a value in most rows, as in training'
        ),
        'other_unit': (
            'is in another unit: over the ' ~ rows ~ ', mean and spread are about '
                ~ '{:,.8f}'.format(factor).rstrip('0').rstrip('.') ~ ' times those of training',
            'a mean of about ' ~ limits.mean ~ ', as in training'
        ),
        'outside_range': (
            'is outside of the range of training in ' ~ (row.n_outside | default(0) | int) ~ ' of the ' ~ rows,
            'most values' ~ (' from ' ~ limits.min_value if limits.min_value is not none else '')
                ~ (' up to ' ~ limits.max_value if limits.max_value is not none else '') ~ ', as in training'
        ),
        'constant': (
            'has one value, ' ~ row.lowest ~ ', in all of the ' ~ rows, 'several values, as in training'
        )
    }[row.problem] %}
    {% do scorehouse._fail(
        "scorehouse.feature_plausible('" ~ name ~ "')", name ~ ' of ' ~ table ~ ' ' ~ said ~ others, expected,
        'correct the rows where they come from, and build again: until then, nothing is scored from them. If they are'
            ~ ' right, register a version that was trained on such rows and write the tests again with `scorehouse'
            ~ ' scaffold tests`. If you can do neither, leave the day out with `config: {where: ...}`'
    ) %}
{% endmacro %}
