select * from (
    values
        (1, 'scored', 0.5e0, -0.25e0, 0.75e0, 1e0),
        (2, 'scored', 0.5e0, null, 0.5e0, 1e0),
        (3, 'rejected', null, null, null, null),
        (4, 'scored', null, null, null, null),
        (5, 'scored', 0.5e0, 0.25e0, 0.5e0, 1e0),
        (6, 'scored', 0.5e0, 0.25e0, 0.25e0, 1.00000001e0),
        (7, 'scored', 0.5e0, 0.25e0, 0.25e0, 1.0000000001e0),
        (8, 'scored', 0.5e0, 0.25e0, null, 1e0),
        (9, 'rejected', 0.5e0, 0.25e0, 0.25e0, 1e0),
        (10, 'scored', cast('inf' as double), 0.25e0, 0.25e0, cast('inf' as double)),
        (11, 'scored', null, 0.25e0, null, null)
) as t (customer_id, row_status, reason_base, reason_1_contribution, reason_rest, reason_total)
