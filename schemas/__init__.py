"""The events of mqledger and how they lie in the log: the only contract the services share."""
