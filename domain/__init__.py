"""The rules of the broker, pure: topics and matching, sessions, delivery, folds."""
