"""The configuration: a YAML file, the environment and the command line made into one `ServeConfig`.

Reading order: :mod:`values` (single values), :mod:`resolved` (the result and every default),
:mod:`models` (the shape of a file), :mod:`tree` and :mod:`yaml_tree` (values that know where they were
written), :mod:`check` (one line per mistake), :mod:`sources` and :mod:`layers` (what is set where),
:mod:`load` (all of it).  Only :mod:`models` and :mod:`check` need pydantic; callers that must start fast
import :mod:`load` inside functions.
"""
