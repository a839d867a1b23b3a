"""Gets ready, before anyone waits for it, what the first page needs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any


@asynccontextmanager
async def warm_up(app: Any) -> AsyncIterator[None]:
    """Import what the first page needs, and open the store, while the server starts."""
    from pages.ui import reads, services, viewing  # noqa: F401
    from pages.ui.explore import report, training  # noqa: F401
    from store.db.errors import StoreError
    from store.home import open_database

    with suppress(StoreError):  # the page says it in words
        open_database()
    yield
