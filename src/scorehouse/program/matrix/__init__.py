"""The matrix backend, a chain of matrix products: made from an estimator (`make`) or read (`stored`)."""
