-- Each scoring run against the customers whom the segments were made from.
{{ scorehouse.drift(
    profiles=ref('segment_profiles'),
    reference=ref('ml_segments__reference'),
    window='run',
    importance=ref('ml_segments__signature'),
) }}
