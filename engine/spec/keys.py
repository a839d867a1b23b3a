"""The hashes that keys are made of."""

import hashlib
import json
from collections.abc import Mapping, Sequence

_SEED = ',"seed":'


def digest(data: object) -> str:
    """Return the sha256 of `data` as canonical JSON, in 64 hex digits."""
    return hashlib.sha256(_canonical(data).encode()).hexdigest()


def siblings(data: Mapping[str, object], seeds: Sequence[int], data_seeds: Sequence[int]) -> list[str]:
    """Return, pair by pair, the `digest` of `data` with these seeds; a seed of 0 is left out."""
    # No other value contains a line break, and data_seed comes before seed.
    first, middle, last = _canonical({**data, "data_seed": "\n", "seed": "\n"}).split(r'"\n"')
    zero = middle.removesuffix(_SEED)
    pairs = zip(seeds, data_seeds, strict=True)
    texts = (f"{first}{d}{middle}{s}{last}" if s else f"{first}{d}{zero}{last}" for s, d in pairs)
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def _canonical(data: object) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
