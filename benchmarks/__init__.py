"""Speed and memory, as ratios inside one run. No test times anything."""
