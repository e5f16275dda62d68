"""What a memory can say of itself; nothing here changes a store.

In come streams, ledgers and associations; out go fits, forecasts, trajectories, pictures and findings.

- `streams`, `likelihood`, `fitting`, `simulation`, `forecast`: the time constants that a stream asks
  for, and how well they forecast what comes next.
- `trajectory`, `plots`: associations over time.
- `suggestions`, `doctor`: names that may mean one entity, and whether a store is sound.
"""
