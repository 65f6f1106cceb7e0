{% test no_fragile_rows(model, ml_model, key, alias='champion', features=none, ulps=1, steps={}) %}
{{ scorehouse.fragile_rows(
    ml_model, relation=model, key=key, alias=alias, features=features, ulps=ulps, steps=steps
) }}
{% endtest %}
