"""Two policies: contained, common, narrower, countered; with proofs, witnesses and changes."""
