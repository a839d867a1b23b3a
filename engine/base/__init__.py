"""What every room stands on: words that can be translated; the standard library alone."""
