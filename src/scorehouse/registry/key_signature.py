"""Signatures by key over a set of files: written and verified without a network.

The format is that of OpenSSF model-signing 1.0: a Sigstore bundle around a DSSE envelope, whose in-toto
statement lists each file with its SHA-256. So `model_signing verify key` verifies these signatures too, and
its signatures are accepted here. That library itself is not used: it needs 34 distributions, and
what a run has to verify is one ECDSA signature.
https://github.com/ossf/model-signing-spec
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from scorehouse.errors import ConfigurationError, LoadRefusedError
from scorehouse.registry.formats.base import import_extra

DECISION_FILE = "decision.json"  # what of a registered row decides scores and labels
KEY_SIGNATURE = "model.sig"  # the name that model-signing looks for
EXTRA = "evidence"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://model_signing/signature/v1.0"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IGNORED = (KEY_SIGNATURE, ".git", ".gitattributes", ".github", ".gitignore")
CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
MAKE_KEY = "openssl ecparam -name prime256v1 -genkey -noout -out private.pem"


def sign_files(name: str, digests: Mapping[str, str], private_key: Path, call: str) -> bytes:
    """The signature file over `digests`, hexadecimal SHA-256 by relative path.

    `private_key` is a PEM file of an elliptic-curve key without a password. Raises ConfigurationError if it
    cannot be used.
    """
    key = read_key(private_key, "private", call)
    resources = [
        {"name": path, "algorithm": "sha256", "digest": digest} for path, digest in sorted(digests.items())
    ]
    serialization = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": list(IGNORED),
    }
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": _root(resources)}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {"serialization": serialization, "resources": resources},
    }
    payload = json.dumps(statement, ensure_ascii=False).encode()
    signature = key.sign(_encoded(payload), _algorithm(key))
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": _hint(key.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle).encode()


def signed_files(data: bytes, public_key: Path, what: str, call: str) -> dict[str, str]:
    """The SHA-256 of each file that a signature covers, by relative path.

    Raises LoadRefusedError if the signature is not one by this key over exactly this list, and
    ConfigurationError if the key file cannot be used. `what` names the signed object in the error.
    """
    key = read_key(public_key, "public", call)
    try:
        envelope = json.loads(data)["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(envelope["signatures"][0]["sig"], validate=True)
        is_known = envelope["payloadType"] == PAYLOAD_TYPE
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _refused(what, f"cannot be read ({type(error).__name__}: {error})", public_key, call) from error
    if not (is_known and _is_signed(key, signature, payload)):
        raise _refused(
            what, "is not valid for this key: another key signed, or it was altered", public_key, call
        )
    try:
        return _listed(json.loads(payload))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        problem = f"covers a list of files that cannot be used ({type(error).__name__}: {error})"
        raise _refused(what, problem, public_key, call) from error


def read_key(file: Path, kind: str, call: str) -> Any:
    """The elliptic-curve key in a PEM file, `public` or `private`; a private one has no password."""
    serialization = import_extra("cryptography.hazmat.primitives.serialization", EXTRA, call)
    try:
        data = file.read_bytes()
        if kind == "private":
            key = serialization.load_pem_private_key(data, password=None)
        else:
            key = serialization.load_pem_public_key(data)
    except OSError as error:
        raise ConfigurationError(
            call,
            f"the {kind} key {str(file)!r} cannot be read ({error.strerror or error})",
            expected=f"a PEM file with the {kind} key",
            action=f"correct the path; {MAKE_KEY!r} makes a key"
            if kind == "private"
            else "correct the path; the public key belongs in version control",
        ) from error
    except (ValueError, TypeError) as error:  # TypeError: the key has a password
        raise _unusable(file, kind, str(error), call) from error
    if getattr(getattr(key, "curve", None), "name", None) not in CURVES:
        raise _unusable(file, kind, f"it is a {type(key).__name__}", call)
    return key


def belong_together(private_key: Any, public_key: Path, call: str) -> bool:
    """Whether a PEM file holds the public part of a private key."""
    return _hint(private_key.public_key()) == _hint(read_key(public_key, "public", call))


def _unusable(file: Path, kind: str, why: str, call: str) -> ConfigurationError:
    return ConfigurationError(
        call,
        f"{str(file)!r} holds no {kind} key that can be used ({' '.join(why.split())})",
        expected=f"a PEM file with a {kind} key on the curve P-256, P-384 or P-521, without a password",
        action=f"name another file; {MAKE_KEY!r} makes a key, and 'openssl ec -in private.pem -pubout' "
        "prints its public part",
    )


def _algorithm(key: Any) -> Any:
    import cryptography.hazmat.primitives.asymmetric.ec as ec
    import cryptography.hazmat.primitives.hashes as hashes

    return ec.ECDSA(getattr(hashes, CURVES[key.curve.name])())


def _is_signed(key: Any, signature: bytes, payload: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, _encoded(payload), _algorithm(key))
    except InvalidSignature:
        return False
    return True


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's encoding of type and payload, so that neither can be exchanged."""
    return f"DSSEv1 {len(PAYLOAD_TYPE)} {PAYLOAD_TYPE} {len(payload)} ".encode() + payload


def _hint(key: Any) -> str:
    """The SHA-256 of the public key as PEM, by which a verifier finds the key."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _root(resources: list[dict[str, str]]) -> str:
    return sha256(b"".join(bytes.fromhex(each["digest"]) for each in resources)).hexdigest()


def _listed(statement: Mapping[str, Any]) -> dict[str, str]:
    """The files in a statement; ValueError if it is not a list of files with SHA-256."""
    if (statement["_type"], statement["predicateType"]) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise ValueError(f"its type is {statement['predicateType']!r}")
    resources = statement["predicate"]["resources"]
    if statement["subject"][0]["digest"]["sha256"] != _root(resources):
        raise ValueError("the digest of the whole is not that of its files")
    if odd := {each["algorithm"] for each in resources} - {"sha256"}:
        raise ValueError(f"files are hashed by {sorted(odd)}")
    found = {str(each["name"]): str(each["digest"]) for each in resources}
    if len(found) != len(resources):
        raise ValueError("a file is listed twice")
    return found


def _refused(what: str, problem: str, key: Path, call: str) -> LoadRefusedError:
    return LoadRefusedError(
        call,
        f"the key signature of {what} {problem}",
        expected=f"a signature by the private key that belongs to {str(key)!r}",
        action="find out who changed it; if the change is wanted, sign again with `scorehouse evidence sign`",
    )


def check_covers(
    signed: Mapping[str, str], pinned: Mapping[str, str], what: str, key: Path, call: str
) -> None:
    """Refuse if a pinned file has another digest than the one that was signed, or none."""
    for name, digest in sorted(pinned.items(), key=lambda item: (item[0] == DECISION_FILE, item)):
        if signed.get(name) == digest:
            continue
        problem = f"the file {name!r} of {what} is "
        if name not in signed:
            problem += f"not signed, and registered with the sha256 {digest}"
        elif name == DECISION_FILE:
            problem = f"the row of {what} in the registry decides otherwise than the {name} that was signed"
        else:
            problem += f"signed with the sha256 {signed[name]}, and registered with the sha256 {digest}"
        raise LoadRefusedError(
            call,
            problem,
            expected=f"a key signature over what is registered, by the key of {str(key)!r}",
            action="sign the version again with `scorehouse evidence sign`, after a look at what changed",
        )
