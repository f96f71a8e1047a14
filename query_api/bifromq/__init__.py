"""The admin API in the dialect of BifroMQ: everything in headers, answers in a word; tenants are real."""
