"""One module for each mechanism; `bootstrap/mechanisms.py` registers them."""
