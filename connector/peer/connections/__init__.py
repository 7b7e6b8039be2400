"""Connections before anything is read from them: accepted, bounded by origin, handed on."""
