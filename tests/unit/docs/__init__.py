"""The documents are held to the code: links, names, generated parts, snippets that need no services."""
