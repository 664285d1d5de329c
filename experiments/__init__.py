"""One package per claim: each is run with ``python -m experiments.<name>`` and writes its results beside itself."""
