"""Tables of cells: which may leave, alone and beside those that left before."""
