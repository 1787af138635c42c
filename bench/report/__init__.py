"""The report of `lanefold bench` and the pages of results.  From the root of the sources:
python3 -m bench.report bench RESULTS.json REPORT.html: the report.
python3 -m bench.report.machine_page RESULTS.json...: a page for each machine.
python3 -m bench.report.table RESULTS.json... README.md: the tables of README.md."""
