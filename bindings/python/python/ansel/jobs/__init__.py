"""Jobs that compress a folder or a bucket, on one machine or many.

A job lists the image files below a source, compresses each that is not done yet to a file of the same name with `.ansel`
appended, reads back what it wrote, and keeps a manifest in Parquet. An engine runs it: the calling process, Daft, or Ray
Data. It can be stopped at any moment and restarted: what is done and unchanged is not done twice.

>>> from ansel import jobs
>>> job = jobs.Job("/photographs", "/archive", options={"effort": 4})
>>> report = jobs.run(job, engine="daft", workers=8)  # doctest: +SKIP
"""

from ansel.jobs.driver import ENGINES, Report, run
from ansel.jobs.work import Job

__all__ = ["ENGINES", "Job", "Report", "run"]
