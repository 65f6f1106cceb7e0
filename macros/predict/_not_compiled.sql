{#- Stops because a version has no compiled SQL for the database of this target. -#}
{% macro _not_compiled(name, version, dialects) %}
    {% set why = scorehouse._why_not_compiled(name, ref('ml_' ~ name), version) %}
    {% do scorehouse._fail(
        "scorehouse.predict('" ~ name ~ "')",
        'version ' ~ version ~ ' has no compiled SQL for ' ~ target.type,
        'one of ' ~ dialects | join(', '),
        (why or scorehouse._print_sql(name, version) ~ ', or ')
            ~ 'score it with scorehouse.scored() on an engine with Python'
    ) %}
{% endmacro %}


{#- How SQL for this target comes into the project: none is printed that the project does not ask for, and that of an
    archived version is in its archive. -#}
{% macro _print_sql(name, number) %}
    {% if number in scorehouse._archived_versions(name) %}
        {{ return('run `scorehouse archive ' ~ name ~ ' ' ~ number ~ ' --undo`, since it is archived, commit its files '
            ~ 'and run `dbt seed --select tag:ml_' ~ name ~ '`') }}
    {% endif %}
    {{ return('see that `dialects` of the variable scorehouse_compiled_sql in dbt_project.yml lists ' ~ target.type
        ~ ', run `scorehouse compile ' ~ name ~ '` where Python is installed, commit its files and run `dbt seed '
        ~ '--select tag:ml_' ~ name ~ '`') }}
{% endmacro %}


{#- The reason in the registry, from when the version was compiled: the pipeline step that prevents it, or
    the limit. -#}
{% macro _why_not_compiled(name, registry, version) %}
    {% set backends = scorehouse._registry_row(name, registry, version).get('program') %}
    {% set refused = fromjson(backends or '{}').get('refused', {}) %}
    {% set reason = refused.get('sql for ' ~ target.type) or refused.get('sql') %}
    {{ return('the reason is `' ~ reason ~ '`; replace the step and register again, or ' if reason else '') }}
{% endmacro %}
