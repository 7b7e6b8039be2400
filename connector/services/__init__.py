"""Use cases: functions over ports, one verb a module."""
