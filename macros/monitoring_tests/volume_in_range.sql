{% test volume_in_range(
    model, min_rows=none, max_rows=none, max_change=none, day=none, max_age_days=none, latest=false
) %}
    {% set call = 'volume_in_range' %}
    {% set limits = {
        'min_rows': min_rows, 'max_rows': max_rows, 'max_change': max_change, 'max_age_days': max_age_days
    } %}
    {% do scorehouse._check_rules(call, [
        ('min_rows', none, limits.values() | reject('none') | list == [],
            'at least one of min_rows, max_rows, max_change and max_age_days',
            'write `min_rows: 1000`, or `max_change: 0.5` to allow 50 percent fewer or more rows than usual'),
        ('day', none, day is none and max_age_days is not none,
            'the column with the date of a row, from which the age of the newest rows is taken',
            'write `day: order_date`, or leave max_age_days out'),
    ]) %}
    {% for argument, value in limits.items() if value is not none %}
        {% do scorehouse._check_number(call, argument, value, 'write a number, or null for no limit', lowest=0) %}
    {% endfor %}
    {% set day = scorehouse._column_list(call, 'day', day, 'order_date')[0] if day is not none else none %}
    {% do scorehouse._check_bool(call, 'latest', latest) %}
    {% set found = scorehouse._volume_findings(model, limits, day, latest) %}
    {% set stops = scorehouse._stops_in_words(model) %}
    {% if day is none or not (stops or scorehouse._stops_in_words(model, 'warn')) %}
        {{ return(found) }}
    {% endif %}
    {% set table, called = model.identifier if model is mapping else 'the table', call ~ "(day='" ~ day ~ "')" %}
    {% set rows = scorehouse._rows_of(found) %}
    {% for row in rows %}
        {% set shown = (row.window_start | string)[:10] %}
        {% if row.problem == 'day_in_future' and stops %}
            {% do scorehouse._fail(
                'scorehouse.' ~ called,
                table ~ ' has rows of ' ~ shown ~ ', which is ' ~ (row.value | int)
                    ~ ' days ahead, and none of the days before',
                'days up to today, or days to come that follow each other by at most ' ~ (row.threshold | int)
                    ~ ' days',
                'correct the date where the rows come from, such as a wrong year, and build again'
            ) %}
        {% elif row.problem == 'missing_day' %}
            {% do exceptions.warn(
                called ~ ': ' ~ table ~ ' has no rows of ' ~ shown
                    ~ modules.datetime.date.fromisoformat(shown).strftime(', a %A, between days that have rows')
                    ~ '; load them, unless none were to come'
            ) %}
        {% endif %}
    {% endfor %}
    {#- What was warned of stops no build: on a holiday, no rows were to come. #}
    {% if stops and 'missing_day' in rows | map(attribute='problem') %}
        {% set found = 'select * from (' ~ found ~ "\n) as findings where problem <> 'missing_day'" %}
    {% endif %}
    {{ return(found if rows else 'select 1 as problem limit 0') }}
{% endtest %}
