{#- SQL of the size of the reference of `version`: what its rows count together. A reference that was learned again has
    another one, and other bins. -#}
{% macro _reference_size(reference, version) %}
    {% set whens = [] %}
    {% for row in run_query('select version, sum(row_count) from ' ~ reference ~ ' group by version').rows %}
        {% do whens.append('when ' ~ row[0] | int ~ ' then ' ~ row[1] | int) %}
    {% endfor %}
    {{ return('case ' ~ version ~ ' ' ~ whens | sort | join(' ') ~ ' end' if whens else 'null') }}
{% endmacro %}
