"""Uses of the data of a contract: asked for, decided, prepared in a confined process, answered."""
