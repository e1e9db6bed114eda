"""Has every Python process that finds this folder on its PYTHONPATH obey the orders in the folder FAULT_ORDERS."""  # noqa: INP001  (a folder for PYTHONPATH, no package)

from __future__ import annotations

import os

if "FAULT_ORDERS" in os.environ:
    from spark_jobs.fault_points import listen
    from tests.faults.orders import obey

    listen(obey)
