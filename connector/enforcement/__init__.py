"""From a signed agreement to a plan, and who upholds each constraint; pure."""
