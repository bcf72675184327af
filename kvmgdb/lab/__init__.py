"""Many guests from one file: served together, debugged by scripts, reported on."""
