{#- Refuses a value of `against` that drift cannot be compared with. -#}
{% macro _check_against(call, against) %}
    {% if against not in ['reference', 'previous'] and (
        against is not mapping or not against.get('from') or not against.get('to')
    ) %}
        {% do scorehouse._argument_error(
            call, 'against', against, "'reference', 'previous', or a range of days",
            "write `against: reference`, or `against: {'from': '2026-01-01', 'to': '2026-02-01'}`, its end excluded"
        ) %}
    {% endif %}
{% endmacro %}
