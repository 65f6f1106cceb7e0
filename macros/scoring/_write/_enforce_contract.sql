{# `contract: enforced`: names and types of the columns that scoring made are those of the YAML, before
   the previous table is touched. Constraints come with a table that is made with them. #}
{% macro _enforce_contract(staging) %}
    {% if config.get('contract').enforced %}
        {{ get_assert_columns_equivalent('select * from ' ~ staging) }}
    {% endif %}
{% endmacro %}
