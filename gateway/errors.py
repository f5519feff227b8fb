"""Errors a person can mend; everything else is a bug and is allowed to raise.

UserError               wrong use: one line that says what was expected and where; exit code 2
├── RecordingError      missing, unreadable, or without a usable channel (gateway.recordings)
├── SourceError         no such port, port in use, not a log (gateway.sources)
└── BrokerError         no broker answers there, or none can be started (gateway.mqtt.connection)
"""


class UserError(Exception):
    """Wrong use: one line for the person, exit code 2."""
