"""The console: pages for the people who own the rules, served by `adsteer console`."""
