{#- The identifier of a feature's column. Refuses one that is not there or, if `typed`, has another type, which a
    database would refuse without the names of table and type. None for a wrong type in a test that warns, which then
    gives the row of `feature_has_type`: an error is no warning. -#}
{% macro _feature_column(call, relation, column_name, type, typed=true) %}
    {% set name, types = scorehouse._bare_name(column_name), scorehouse._types_of_columns(relation) %}
    {% set table = relation.identifier if relation is mapping else relation %}
    {% set named = 'scorehouse.' ~ call ~ "('" ~ name ~ "')" %}
    {% set trained, again = scorehouse._accepted_types()[type][0], ', or register a version that was trained on it' %}
    {% do scorehouse._check_facts(named, [
        (types and name | lower not in types, table ~ ' has no column ' ~ name,
            trained ~ ' called ' ~ name ~ ', as the ML model was trained on; there are ' ~ types | join(', '),
            'give the column this name in ' ~ table ~ ', or register a version that was trained without it'),
    ]) %}
    {% set type_there = types.get(name | lower, '') %}
    {% set is_other = typed and not scorehouse._has_type(type_there, type) %}
    {% if is_other and config.get('severity', 'error') | lower == 'warn' %}
        {{ return(none) }}
    {% endif %}
    {% do scorehouse._check_facts(named, [
        (is_other, name ~ ' of ' ~ table ~ ' is ' ~ type_there, trained ~ ', as the ML model was trained on',
            'cast it in ' ~ table ~ again),
    ]) %}
    {{ return(scorehouse._identifier(column_name)) }}
{% endmacro %}


{#- By type of a signature: what it is called, and which types of columns the ML model accepts. -#}
{% macro _accepted_types() %}
    {% set is_duckdb = target.type == 'duckdb' %}
    {% set number = '(u?(tiny|small|big)int|hugeint|u?integer|float|double|decimal)([(].*)?$' if is_duckdb
        else '((tiny|small|big)?int(eger)?[0-9]*|float[0-9]*|double( precision)?|real|(big)?numeric|number|decimal)' %}
    {{ return({
        'double': ('a number', number),
        'integer': ('a number', number),
        'boolean': ('a boolean', 'bool(ean)?$'),
        'string': ('a string', '(?s)(varchar|uuid|json|enum)([(].*)?$' if is_duckdb
            else '((var|n?var)?char(acter)?( varying)?|text|string|uuid|json)'),
        'timestamp': ('a timestamp or a date', '(timestamp(_s|_ms|_ns)?|date)$' if is_duckdb
            else '(timestamp( without time zone|_ntz)?|datetime|date)([(].*)?$'),
        'timestamp with time zone': (
            'a timestamp with time zone', '(timestamp with time zone|timestamptz(_ns)?)$' if is_duckdb
            else '(timestamp with time zone|timestamptz|timestamp_l?tz|timestamp)([(].*)?$'
        )
    }) }}
{% endmacro %}


{#- Whether a column has a type of a signature; one that could not be asked has it. -#}
{% macro _has_type(found, type) %}
    {{ return(not found or modules.re.match(scorehouse._accepted_types()[type][1], found) is not none) }}
{% endmacro %}


{#- The types of the columns of a table or subquery by name, both in lower case: none while dbt parses, where the
    table is not built, and of an ephemeral model or a file; empty where the database does not tell those of a
    subquery. -#}
{% macro _types_of_columns(relation) %}
    {% if not execute or '__dbt__cte__' in relation | string
        or (relation is mapping and load_relation(relation) is none) %}
        {{ return({}) }}
    {% elif target.type == 'duckdb' %}
        {% set found = scorehouse._rows_of('describe select * from ' ~ relation) %}
        {% set names, types = found | map(attribute='column_name'), found | map(attribute='column_type') %}
    {% elif relation is mapping %}
        {% set found = adapter.get_columns_in_relation(relation) %}
        {% set names, types = found | map(attribute='name'), found | map(attribute='data_type') %}
    {% else %}
        {% set names = scorehouse._existing_columns(relation) %}
        {% set types = [''] * names | length %}
    {% endif %}
    {{ return(dict(zip(names | map('lower'), types | map('lower')))) }}
{% endmacro %}


{#- Refuses a type that no signature has. -#}
{% macro _check_feature_type(call, type) %}
    {% set known = scorehouse._accepted_types().keys() | list %}
    {% do scorehouse._check_rules(call, [
        ('type', type, type not in known, 'one of ' ~ known,
            'write the type that the seed ml_<name>__signature gives for the feature'),
    ]) %}
{% endmacro %}
