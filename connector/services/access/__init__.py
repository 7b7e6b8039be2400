"""What persons of the institution may do here: their accounts, and the gate to the services."""
