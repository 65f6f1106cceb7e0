"""How a version computes a score: by the estimator, by SQL, native code for trees, or matrix products."""
