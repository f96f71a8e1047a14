"""Reading the event log for people: what to read, frames from Kafka by their headers, folds of the past."""
