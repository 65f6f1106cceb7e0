{# `contract: enforced`: checks that names and types of the scored columns are those in the YAML, before the
   previous table is changed. Constraints are part of the table that is created with them. #}
{% macro _enforce_contract(staging) %}
    {% if config.get('contract').enforced %}
        {{ get_assert_columns_equivalent('select * from ' ~ staging) }}
    {% endif %}
{% endmacro %}
