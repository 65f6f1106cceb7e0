{#- Features and outputs of the reference: kind, edges and range by version, in the order of the seed. -#}
{% macro _reference_columns(reference, signature) %}
    {% set bins = scorehouse._rows_of(
        'select version, part, name, kind, bin, lower, upper from ' ~ reference
        ~ " where kind in ('numeric', 'missing', 'range', 'age') or (kind = 'category' and bin = 1)"
        ~ ' order by part, name, version, bin'
    ) %}
    {% set columns = {} %}
    {% for row in bins %}
        {% set version = row['version'] | int %}
        {% set column = columns.setdefault(row['part'] ~ '|' ~ row['name'], {
            'part': row['part'], 'name': row['name'], 'index': columns | length, 'kinds': {}, 'edges': {},
            'first_bins': {}, 'is_numeric': false, 'is_float': false, 'minimums': {}, 'maximums': {},
            'is_age': false, 'type': ''
        }) %}
        {% if row['kind'] == 'range' %}
            {% do column.update({'range': {version: row}}) %}
        {% elif row['kind'] == 'age' %}
            {#- The signature knows the range of numbers, but not that of ages. #}
            {% do column.update({'is_age': true}) %}
            {% do scorehouse._add_range(column, version, column['range'][version]['lower'],
                column['range'][version]['upper']) %}
        {% else %}
            {#- A column with only missing values in training is a category without values. #}
            {% do column.kinds.update({version: 'category' if row['kind'] == 'missing' else row['kind']}) %}
        {% endif %}
        {% if row['kind'] == 'numeric' %}
            {% do column.update({'is_numeric': true}) %}
            {% do column.first_bins.setdefault(version, row['bin'] | int) %}
            {% set edges = column.edges.setdefault(version, []) %}
            {% if row['upper'] is not none %}
                {% do edges.append(scorehouse._double_literal(row['upper'] | float)) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% if signature is not none %}
        {% set ranges = scorehouse._rows_of(
            'select version, feature, minimum, maximum from ' ~ signature ~ ' where minimum is not null'
        ) %}
        {% for row in ranges if columns.get('feature|' ~ row['feature'], {}).is_numeric %}
            {% do scorehouse._add_range(
                columns['feature|' ~ row['feature']], row['version'] | int, row['minimum'], row['maximum']
            ) %}
        {% endfor %}
    {% endif %}
    {{ return(columns.values() | list) }}
{% endmacro %}


{#- The columns without the feature that is the day of the windows: in a window of one day it has one value. -#}
{% macro _without_day(call, columns, day) %}
    {% set kept, place = [], model.name if model is defined else call %}
    {% for column in columns %}
        {% if day is not none and column.part == 'feature' and column.name | lower == day | lower %}
            {% do log('note: ' ~ place ~ ' leaves out ' ~ day ~ ', which is the day of its windows', info=true) %}
        {% else %}
            {% do kept.append(column) %}
        {% endif %}
    {% endfor %}
    {{ return(kept) }}
{% endmacro %}


{#- Adds the training range of one version to a column. -#}
{% macro _add_range(column, version, minimum, maximum) %}
    {% do column.minimums.update({version: scorehouse._double_literal(minimum | float)}) %}
    {% do column.maximums.update({version: scorehouse._double_literal(maximum | float)}) %}
{% endmacro %}
