"""What every room stands on: texts that can be translated, atomic writes, locks; the standard library alone."""
