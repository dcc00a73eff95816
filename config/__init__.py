"""What a person writes: the project's TOML files as typed, frozen models, and their loading."""
