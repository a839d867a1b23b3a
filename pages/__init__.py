"""The pages that the browser shows; a package, so that no other one named pages is found before it."""
