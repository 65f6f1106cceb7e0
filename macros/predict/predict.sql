{# The compiled SQL of a registered ML model as a subquery: the columns of `relation` in `keep`, then the
   outputs, `row_status` and `reject_reason`, and before it the reasons. It is plain SQL, on any adapter, without
   Python. #}
{% macro predict(name, relation, alias='champion', version=none, keep=none, reasons=none) %}
    {% do scorehouse._check_predict(name, relation, version, keep) %}
    {#- This ref adds the edge to the lineage and makes dbt load the seed first. -#}
    {% set registry = ref('ml_' ~ name) %}
    {% do scorehouse._note_functions(name, version) %}

    {#- While dbt parses, there is no connection; the text returned here is never run. -#}
    {% if not execute %}
        {{ return('(select 1 as prediction)') }}
    {% endif %}

    {% set call = "scorehouse.predict('" ~ name ~ "')" %}
    {% set number = scorehouse._named_version(call, name, registry, alias, version) %}
    {% set macro_name = 'scorehouse_predict__' ~ name ~ '__v' ~ number %}
    {% if number is none %}
        {{ return('(select 1 as prediction)') }}
    {% elif context.get(macro_name) is none %}
        {% do scorehouse._fail(
            call, 'version ' ~ number ~ ' has no SQL for ' ~ target.type,
            'an ML model with compiled SQL of version ' ~ number,
            scorehouse._why_not_compiled(name, registry, number) ~ scorehouse._print_sql(name, number)
                ~ ', or score it with scorehouse.scored()'
        ) %}
    {% endif %}

    {% do scorehouse._check_seeds_loaded(call, name, number) %}
    {% set features = context[macro_name ~ '__features']() %}
    {% set inputs = scorehouse._predict_inputs(call, relation, features, keep, reasons is not none) %}
    {% set select = scorehouse._verified_select(call, name, number) %}
    {% set stages = scorehouse._stages(select) | length %}
    {% do scorehouse._check_facts(call, [
        (stages > 1,
            'version ' ~ number ~ ' is compiled as ' ~ stages ~ ' statements on ' ~ target.type
                ~ ', since one would be too long, and a subquery is part of one statement',
            'a version that is compiled as one statement',
            'score it with scorehouse.scored(), which runs them one after the other, and select from its table;'
                ~ (' set `functions: true` in scorehouse_compiled_sql and compile it again;'
                    if target.type in ['snowflake', 'bigquery'])
                ~ ' or register a smaller estimator'),
    ]) %}
    {{ return('(\n' ~ scorehouse._scoring_select(
        call=call, macro_called='predict', name=name, number=number, reasons=reasons, select=select,
        relation=relation, keep=inputs['keep'], columns=inputs['columns']
    ) ~ '\n)') }}
{% endmacro %}
