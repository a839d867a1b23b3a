"""Caches what the store answers: an answer holds until the store's generation changes."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Concatenate, ParamSpec, TypeVar, cast

from store.db.connection import Database

P = ParamSpec("P")
T = TypeVar("T")
Read = Callable[Concatenate[Database, P], T]
"""A function that asks the store, with arguments that can be hashed."""


def by_generation(maxsize: int) -> Callable[[Read[P, T]], Read[P, T]]:
    """Return a decorator that calls a read again only for a new generation of the store or for other arguments.

    `maxsize` answers are remembered. All callers get the same object: nobody may change it.
    """

    def decorate(read: Read[P, T]) -> Read[P, T]:
        def ask(db: Database, generation: tuple[int, ...], /, *args: P.args, **kwargs: P.kwargs) -> T:
            return read(db, *args, **kwargs)

        remembered = cast("Callable[Concatenate[Database, tuple[int, ...], P], T]", lru_cache(maxsize=maxsize)(ask))

        @wraps(read)
        def cached(db: Database, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return remembered(db, db.generation(), *args, **kwargs)

        return cached

    return decorate
