"""The kernel: a record batch in, a record batch out, and every row comes out once."""
