{#- The pairs of a reference, by name, and the numeric columns that they are of. -#}
{% macro _reference_pairs(call, reference) %}
    {% set found = run_query(
        'select distinct name, category from ' ~ reference ~ " where kind = 'pair' order by 1, 2"
    ) %}
    {% do scorehouse._check_rules(call, [
        ('reference', reference.identifier, found.rows | length == 0,
            'a reference with correlations of pairs of features',
            'learn it again: `scorehouse reference NAME --features FILE`; fewer than two important numbers have none'),
    ]) %}
    {% set names, pairs, columns = [], [], {} %}
    {% for row in found.rows %}
        {% do pairs.append([row[0], row[1]]) %}
        {% do names.extend([row[0], row[1]]) %}
    {% endfor %}
    {% for column in scorehouse._reference_columns(reference, none)
        if column.part == 'feature' and column.name in names %}
        {% do columns.update({column.name: column}) %}
    {% endfor %}
    {{ return({'pairs': pairs, 'columns': columns}) }}
{% endmacro %}
