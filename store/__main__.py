"""`python -m store`: see store.commands.main."""

from store.commands.main import main

raise SystemExit(main())
