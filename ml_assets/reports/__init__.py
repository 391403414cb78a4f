"""Pages for people: one HTML file each, which needs no network and holds its pictures and their numbers."""
