"""Hashes rows of runs: the hash does not depend on how they are cut into batches."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from store.results.rows import SCHEMA


class RowHash:
    """Hashes rows in the columns of SCHEMA, batch by batch.

    Each column has its own sha256 over its values in memory, little-endian: numbers as they are, the bytes of all
    texts end to end, the numbers of all lists with null as 0. A second one covers the lengths of texts and lists
    (int32, −1 for a null list), a third one which numbers of a list are not null (a byte each). The hash of the whole
    is the sha256 over a line for each of these.
    """

    def __init__(self) -> None:
        self._parts = {field.name: hashlib.sha256() for field in SCHEMA}
        self._lengths = {field.name: hashlib.sha256() for field in SCHEMA if not pa.types.is_primitive(field.type)}
        self._there = {field.name: hashlib.sha256() for field in SCHEMA if pa.types.is_list(field.type)}

    def add(self, rows: pa.Table) -> None:
        """Add rows with the types of SCHEMA; only lists may have nulls."""
        for name, part in self._parts.items():
            column = rows[name].combine_chunks()
            if pa.types.is_list(column.type):
                values = pc.list_flatten(column)
                self._lengths[name].update(_bytes(pc.fill_null(pc.list_value_length(column), -1)))
                self._there[name].update(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
                part.update(_bytes(pc.fill_null(values, pa.scalar(0, values.type))))
            elif pa.types.is_string(column.type):
                self._lengths[name].update(_bytes(pc.binary_length(column)))
                part.update("".join(column.to_pylist()).encode())
            else:
                part.update(_bytes(column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column))

    def hexdigest(self) -> str:
        """Return the hash of all rows so far, in 64 hex digits."""
        kinds = (self._parts, self._lengths, self._there)
        lines = "".join(f"{name} {part.hexdigest()}\n" for kind in kinds for name, part in kind.items())
        return hashlib.sha256(lines.encode()).hexdigest()


def _bytes(values: pa.Array) -> bytes:
    found: np.ndarray = values.to_numpy(zero_copy_only=False)
    return found.astype(found.dtype.newbyteorder("<"), copy=False).tobytes()
