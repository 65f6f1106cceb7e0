"""Registration: from a fitted estimator to an artifact and three seeds under version control."""

from scorehouse.registration.promote import promote
from scorehouse.registration.register import register

__all__ = ["promote", "register"]
