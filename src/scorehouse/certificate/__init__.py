"""Which parts of a stored program equal its estimator for every input, found by a reader of its own.

It shares no code with what made the program: an error of the one is none of the other.
"""

from scorehouse.certificate.certify import READER, READER_VERSION, Certificate, Part, certify

__all__ = ["READER", "READER_VERSION", "Certificate", "Part", "certify"]
