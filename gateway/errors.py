"""Errors a person can mend; everything else is a bug and is allowed to raise.

UserError               wrong use: one line that says what was expected and where; exit code 2
  RecordingError        (gateway.recordings) the recording cannot be used
  BrokerError           (gateway.mqtt) no broker answers there, or none can be started
  SourceError           (gateway.sources) no such port, port in use, not a log
"""


class UserError(Exception):
    """Wrong use: one line for the person, exit code 2."""
