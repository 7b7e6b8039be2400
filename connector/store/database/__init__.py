"""How statements reach the database: engines, sessions and what is prepared."""
