"""Contract templates with parameters, and the document of our profile."""
