"""One architecture a file, each an ARCH; a new file is a new choice everywhere."""
