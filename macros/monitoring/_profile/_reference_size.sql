{#- SQL of the size of the reference of `version`: what its rows count together. A reference that was learned again has
    another one, and other bins. -#}
{% macro _reference_size(reference, version) %}
    {% set found = run_query('select version, sum(row_count) from ' ~ reference ~ ' group by 1 order by 1').columns %}
    {% set sizes = dict(zip(found[0].values() | map('int'), found[1].values() | map('int') | map('string'))) %}
    {{ return(scorehouse._case_of(version, sizes) if sizes else 'null') }}
{% endmacro %}
