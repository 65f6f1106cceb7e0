-- Counts of every feature and output of the customer segments in their training bins, by scoring run.
{{ scorehouse.profile(
    predictions=ref('segment_predictions'),
    reference=ref('ml_segments__reference'),
    features=ref('segment_features'),
    key='customer_id',
    signature=ref('ml_segments__signature'),
) }}
