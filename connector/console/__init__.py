"""The console: pages for the persons of the institution, a face beside the management API.

Rules: pages are made here on the server, and work without a script; each thing a page shows or does
goes through the gate of the services (`services/access/desk.py`), which asks the roles; nothing on
a page comes from elsewhere, and none of it is a rule of its own.
"""
