"""Sales and lines that are broken again and again, for hours if wanted: real servers and stores, real kills.

    make soak                                # everything: sales until 200 faults, a line of 1,000,000 joins, schedules
    make soak PART=sale FAULTS=30 FROM=7     # one part, from one seed on

- ``schedule``, ``line_log``, ``report``: pure
- ``server``, ``stage``: one event on this machine, of processes that may be killed and paused
- ``breaking``: carries a schedule of faults out
- ``sale``, ``line``: the two parts; ``asking``: the line's own client, which is small and fast
"""
