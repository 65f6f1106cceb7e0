-- The candidates of November against those of October, which the ranking was trained on.
{{ scorehouse.drift(
    profiles=ref('ranking_profiles'),
    reference=ref('ml_next_product__reference'),
    window='month',
    importance=ref('ml_next_product__signature'),
) }}
