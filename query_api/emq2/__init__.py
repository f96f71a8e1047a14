"""The admin API in the dialect of EMQ 2: ``/api/v2``, answers of a code and a result, pages by number."""
