"""The thinking about bids: estimates, corrections, plan, guards."""
