"""The reader in C++: a program of operations, the memory it works on, and the library that runs it."""
