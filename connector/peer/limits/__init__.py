"""How much each may ask for, and how places are shared; what is asked is not looked at."""
