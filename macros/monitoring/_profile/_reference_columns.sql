{#- Features and outputs of the reference: kind, edges and range by version, in the order of the seed. -#}
{% macro _reference_columns(reference, signature) %}
    {% set bins = scorehouse._rows_of(
        'select version, part, name, kind, bin, lower, upper from ' ~ reference
        ~ " where kind in ('numeric', 'missing') or (kind = 'category' and bin = 1) order by part, name, version, bin"
    ) %}
    {% set columns = {} %}
    {% for row in bins %}
        {% set version = row['version'] | int %}
        {% set column = columns.setdefault(row['part'] ~ '|' ~ row['name'], {
            'part': row['part'], 'name': row['name'], 'index': columns | length, 'kinds': {}, 'edges': {},
            'first_bins': {}, 'is_numeric': false, 'is_float': false, 'minimums': {}, 'maximums': {}
        }) %}
        {#- A column with only missing values in training is a category without values. #}
        {% do column.kinds.update({version: 'category' if row['kind'] == 'missing' else row['kind']}) %}
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
        {% do scorehouse._add_ranges(columns, signature) %}
    {% endif %}
    {{ return(columns.values() | list) }}
{% endmacro %}


{% macro _add_ranges(columns, signature) %}
    {% set ranges = scorehouse._rows_of(
        'select version, feature, minimum, maximum from ' ~ signature ~ ' where minimum is not null'
    ) %}
    {% for row in ranges %}
        {% set column = columns.get('feature|' ~ row['feature'], {'is_numeric': false}) %}
        {% if column.is_numeric %}
            {% do column.minimums.update({row['version'] | int: scorehouse._double_literal(row['minimum'] | float)}) %}
            {% do column.maximums.update({row['version'] | int: scorehouse._double_literal(row['maximum'] | float)}) %}
        {% endif %}
    {% endfor %}
{% endmacro %}
