"""What the Python programs of lanefold share."""
