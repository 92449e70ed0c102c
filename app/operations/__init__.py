"""The page Operations: a long stream with an incident, alarms, snapshots and rollback."""
