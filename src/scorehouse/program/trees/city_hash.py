"""CityHash64 in its first version, for texts of up to 64 bytes: what CatBoost compares of a category."""

from __future__ import annotations

LONGEST = 64  # bytes
K0, K1, K2, K3 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
MULTIPLIER = 0x9DDFEA08EB382D69
ALL = 2**64 - 1


def city_hash(text: str) -> int:
    """The hash of a text; ValueError for one of more than LONGEST bytes."""
    given = text.encode()
    if len(given) > LONGEST:
        raise ValueError(f"{text!r} has {len(given)} bytes, more than {LONGEST}")
    return (_up_to_16 if len(given) <= 16 else _up_to_32 if len(given) <= 32 else _up_to_64)(given) & ALL


def _word(given: bytes, start: int, size: int = 8) -> int:
    return int.from_bytes(given[start : start + size], "little")


def _turned(value: int, by: int) -> int:
    value &= ALL
    return (value >> by | value << 64 - by) & ALL if by % 64 else value


def _mixed(value: int) -> int:
    value &= ALL
    return value ^ value >> 47


def _of_two(first: int, second: int) -> int:
    made = _mixed((first ^ second) * MULTIPLIER)
    return _mixed((second ^ made) * MULTIPLIER) * MULTIPLIER & ALL


def _up_to_16(given: bytes) -> int:
    size = len(given)
    if size > 8:
        first, last = _word(given, 0), _word(given, size - 8)
        return _of_two(first, _turned(last + size, size)) ^ last
    if size >= 4:
        return _of_two(size + (_word(given, 0, 4) << 3), _word(given, size - 4, 4))
    if not size:
        return K2
    y, z = given[0] + (given[size >> 1] << 8), size + (given[-1] << 2)
    return _mixed(y * K2 ^ z * K3) * K2


def _up_to_32(given: bytes) -> int:
    size = len(given)
    a, b = _word(given, 0) * K1, _word(given, 8)
    c, d = _word(given, size - 8) * K2, _word(given, size - 16) * K0
    first = _turned(a - b, 43) + _turned(c, 30) + d & ALL
    return _of_two(first, a + _turned(b ^ K3, 20) - c + size & ALL)


def _up_to_64(given: bytes) -> int:
    size = len(given)
    start = _word(given, 0) + (size + _word(given, size - 16)) * K0
    v = _of_four(start, _word(given, 8), _word(given, 16), _word(given, 24))
    start = _word(given, 16) + _word(given, size - 32)
    w = _of_four(start, _word(given, size - 24), _word(given, size - 16), _word(given, size - 8))
    mixed = _mixed((v[0] + w[1]) * K2 + (w[0] + v[1]) * K0)
    return _mixed(mixed * K0 + v[1]) * K2


def _of_four(a: int, second: int, third: int, last: int) -> tuple[int, int]:
    b, c = _turned(a + last, 52), _turned(a, 37)
    a += second
    c += _turned(a, 7)
    a += third
    return a + last, b + _turned(a, 31) + c
