"""Jobs: many images, accepted once and scored whatever dies meanwhile.

Their state is in SQL (``ledger``, ``queue``), their images and results are files (``folder``, ``spool``, ``parts``).
Each worker process has a ``runner`` that takes chunks of any job from the queue. SQLAlchemy is imported when the first
job is there: who has none starts as fast as before.
"""
