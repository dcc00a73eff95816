"""The talking: one ad platform per file, one door to the network."""
