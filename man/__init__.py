"""The manual pages, and what fills them in."""
