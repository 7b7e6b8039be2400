"""What a worker may no longer do once it runs: files, calls, rights, memory."""
