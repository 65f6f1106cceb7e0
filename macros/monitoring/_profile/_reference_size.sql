{#- SQL of the size of the reference of `version`: what its rows count together. A reference that was learned again has
    another one, and other bins. -#}
{% macro _reference_size(reference, version) %}
    {% set sizes = {} %}
    {% for row in run_query('select version, sum(row_count) from ' ~ reference ~ ' group by 1 order by 1').rows %}
        {% do sizes.update({row[0] | int: row[1] | int | string}) %}
    {% endfor %}
    {{ return(scorehouse._case_of(version, sizes) if sizes else 'null') }}
{% endmacro %}
