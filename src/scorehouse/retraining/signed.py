"""Signatures around a training, in a project that loads only signed versions."""

from __future__ import annotations

from scorehouse.registration.signing import check_key, sign_version
from scorehouse.registry.artifact import key_signature, require_signed
from scorehouse.registry.version import Version
from scorehouse.retraining.prepared import House
from scorehouse.scoring.request import load_policy


def check_signable(house: House, parent: Version) -> None:
    """Refuse before a training what would stop it afterwards: an unsigned parent, or the wrong key."""
    policy = load_policy(house.project)
    require_signed(house.project, parent, policy, house.call)
    if house.key is not None:
        check_key(house.project, house.key, policy, house.call)


def signed(house: House, version: Version) -> bool:
    """Sign the version if there is a key for it; whether it may be loaded now.

    Raises LoadRefusedError if it has a signature that is not valid.
    """
    policy = load_policy(house.project)
    has_signature = key_signature(house.project, version, policy, house.call) is not None
    if house.key is not None and not has_signature:
        place = sign_version(house.project, version, house.key, policy, house.call)
        house.told(f"signed: {version.label} ({place})")
    elif policy.require_signed_by and not has_signature:
        return False
    require_signed(house.project, version, policy, house.call)
    return True
