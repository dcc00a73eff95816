"""What it earned: cost share, cohorts, retention, lift, charts."""
