"""What every room stands on: words that can be translated, whole files, locks; the standard library alone."""
