"""What a plan comes to on real rows before anybody signs it: risk of persons, loss of use."""
