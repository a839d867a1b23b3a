"""What the page Scaling laws is made of: runs from anywhere, a law fitted to them, and what it says."""
