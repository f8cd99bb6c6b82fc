"""The modules of this folder are read by test_oracle.py; they hold no tests."""

collect_ignore_glob = ["*.py"]
