"""What a reader looks up; some of the pages are made from the code by `make docs`."""
