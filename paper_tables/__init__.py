"""Papers and statistics: what was reported, and how ours compares.

Pure functions over tables, never torch. Modules are imported one by one (``from paper_tables import
audit``), so that reading a table does not wait for the plotting or bootstrap libraries.
"""
