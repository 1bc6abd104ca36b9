"""What we claim about speed, measured: `make bench`, or `python -m bench --quick` for a look in passing."""
