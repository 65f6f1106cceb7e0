-- Each scoring run against the customers that the segments were trained on.
{{ scorehouse.drift(
    profiles=ref('segment_profiles'),
    reference=ref('ml_segments__reference'),
    window='run',
    importance=ref('ml_segments__signature'),
) }}
