{#- CTEs that end in `final`: one row per bin, and one row per column with its counts and moments. -#}
{% macro _profile_rows(columns, cell, has_features, reference, predictions, day) %}
{% set bigint, double = dbt.type_bigint(), scorehouse._type_double() %}
{% set no_count, no_number = 'cast(null as ' ~ bigint ~ ')', 'cast(null as ' ~ double ~ ')' %}
{% set counts = ['n_null', 'n_nan', 'n_infinite', 'n_below', 'n_above', 'n_unseen'] %}
{% set moments = ['mean', 'deviation', 'minimum', 'maximum'] %}
{% set text, whole = dbt.type_string(), dbt.type_int() %}
{% set of_window = ['run_id', 'window_start', 'window_end', 'time_zone'] %}
{% set types = {
    'ml_model': text, 'version': whole, 'run_id': text, 'window_start': none, 'window_end': none, 'part': text,
    'feature': text, 'segment': text, 'kind': text, 'bin': whole, 'lower': double, 'upper': double, 'category': text,
    'row_count': bigint
} %}
{% for name in counts %}{% do types.update({name: bigint}) %}{% endfor %}
{% for name in moments %}{% do types.update({name: double}) %}{% endfor %}
{% do types.update({'time_zone': text, 'reference_size': bigint}) %}
facts as (
    {%- for column in columns %}
    {%- set i = column.index %}

    select
        {{ cell }},
        segment,
        {{ scorehouse._text_literal(column.part) }} as part,
        {{ scorehouse._text_literal(column.name) }} as feature,
        n_rows,
        null{{ i }} as n_null,
        {{ 'nan' ~ i if column.is_numeric else no_count }} as n_nan,
        {{ 'odd' ~ i ~ ' - nan' ~ i if column.is_numeric else no_count }} as n_infinite,
        {%- for side in ['below', 'above'] %}
        {{ side ~ i if column.is_numeric and column.minimums else no_count }} as n_{{ side }},
        {%- endfor %}
        {%- for name in moments %}
        {{ name ~ i if column.is_numeric else no_number }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from described
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

long_rows as (

    select
        {{ cell }},
        segment, part, feature, kind, bin, lower, upper, category, row_count,
        {%- for name in counts %}
        {{ no_count }} as {{ name }},
        {%- endfor %}
        {%- for name in moments %}
        {{ no_number }} as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from bins
    union all
    select
        {% for name in cell.split(', ') %}facts.{{ name }}, {% endfor %}
        facts.segment, facts.part, facts.feature, 'all', null, null, null, null, n_rows,
        n_null, n_nan, n_infinite, n_below, n_above,
        coalesce(n_unseen, 0),
        mean, deviation, minimum, maximum
    from facts
    left join unseen
        on {{ scorehouse._same('facts', 'unseen', cell.split(', ') + ['segment', 'part', 'feature']) }}
    {%- if has_features %}
    union all
    select
        {{ cell }},
        'all', 'feature', {{ scorehouse._all_features() }}, kind, null, null, null, null,
        case kind when 'all' then n_rows when 'repeated' then n_repeated else n_rows - n_repeated end,
        null, null, null, null, null, null,
        null, null, null, null
    from repeats
    cross join ({{ scorehouse._given_names('kind', ['all', 'repeated', 'single']) }}) as kinds
    {%- endif %}

),

final as (

    select
        {%- for name, type in types.items() %}
        {%- set value = scorehouse._reference_size(reference, 'long_rows.version') if name == 'reference_size'
            else ('windows.' if name in of_window else 'long_rows.') ~ name %}
        {{ value if name in of_window else 'cast(' ~ value ~ ' as ' ~ type ~ ')' }} as {{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from long_rows
    inner join windows
        on {{ scorehouse._same('long_rows', 'windows', cell.split(', ')) }}
    {{ scorehouse._withdrawn_windows(predictions, day, types) }}

)
{%- endmacro %}
