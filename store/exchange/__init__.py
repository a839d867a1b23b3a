"""What leaves the store and comes into it whole: run packs, plain tables, the gallery that ships."""
