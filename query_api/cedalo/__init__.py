"""The Cedalo dialect: connections of the Management Center, and its login."""
