"""`python -m engine`: see engine.commands.main."""

from engine.commands.main import main

raise SystemExit(main())
