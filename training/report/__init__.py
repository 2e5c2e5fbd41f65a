"""``report.html``: what a finished run is worth, on one page that needs nothing else.

evidence.py   what training keeps for the page: the answers to the test split, counts, thumbnails of mistakes
again.py      the same for a run that was finished before that was kept
content.py    everything that the page says, read from a run's folder; facts.py computes some of it
prose.py      its sentences that depend on what was measured
rows.py       the rows of its tables
figures.py    its plots, as SVG in the colours of the page (svg.py)
write.py      the page itself, from templates/
"""
