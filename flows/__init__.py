"""The order of events and the faces: the loop, Prefect flows, the command line, the demo."""
