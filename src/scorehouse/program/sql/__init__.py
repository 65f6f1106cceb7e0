"""The SQL backend: compiled from an estimator (`compile`), kept as data, and written (`compiled`)."""
