"""The thinking about people: exports, identity, features, segments, audiences, plan, ledger."""
