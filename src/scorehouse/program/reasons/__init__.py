"""Reasons: what each feature contributed to a score; made from an estimator (`make`) or read (`read`)."""
