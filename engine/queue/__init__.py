"""Who trains what: jobs as files, the workers that take them, and what becomes of work that fails."""
