"""The pages of the manual: what each word takes and gives, an example, and its exit status."""

from __future__ import annotations

_SCORES = """\
input:
  SCORES is a file or a folder.
    .csv .tsv .jsonl .parquet (.gz too)  long: one row for each score, with columns such as method, task,
                                         seed, step and score; or wide: one column for each seed, method,
                                         task, or method and task; or an export of Weights & Biases
    .npz .json .pickle                   rliable's arrays, method -> [runs, tasks]; CORL's score pickles
    a folder                             TensorBoard events, logs of d3rlpy, CORL or Weights & Biases, or
                                         several of the files above
  Scores are D4RL's normalised scores in percent (66.3). Fractions are refused until --unit fraction is
  said; raw returns are normalised by D4RL's references. Columns, names of tasks and methods, and the
  checkpoint of a run are guessed where nothing is said, and each guess is printed on standard error."""

_STATUS = """\
exit status:
  0  done
  2  the input cannot be used: one message says what is wrong, where, and what is allowed"""

PAGES = {
    "check": f"""\
{_SCORES}

output:
  A table of the methods: tasks, seeds, and the interquartile mean, mean, median and optimality gap with 95%
  intervals over the seeds. With --output DIR also the scores as the Parquet files of an experiment.

examples:
  recheck check wandb.csv
  recheck check logs/ --select mean_last_10 --version v2
  recheck check mine.csv --columns score:eval/return,task:env --unit return --output scores

python:
  from recheck_command.actions import check
  answer = check("wandb.csv", select="mean_last_10")
  print(answer.text, answer.data["aggregates"])

{_STATUS}""",
    "table": f"""\
{_SCORES}

output:
  The paper's table on standard output: its reported numbers, next to them a rerun of yours with its verdict,
  and a column for each method of yours that the paper does not have. --output DIR also writes NAME.md,
  NAME.tex, NAME.csv, its cells, and the verdicts. An unknown layout is answered with the known ones.

examples:
  recheck table wandb.csv --like iql_table_1
  recheck table wandb.csv --like iql_table_1 --like locomotion --format latex
  recheck table wandb.csv --like locomotion --output tables

python:
  from recheck_command.actions import table
  answer = table("wandb.csv", like="iql_table_1", format="latex")
  print(answer.text, answer.data["cells"][0])

{_STATUS}""",
    "report": f"""\
{_SCORES}

output:
  In DIR: report.html, a page of everything that works offline, written last. Below DIR: scores (Parquet),
  statistics (aggregates, intervals, comparisons), tables (every paper's, in Markdown, LaTeX and CSV, with
  verdicts) and figures. The summary and the verdicts are printed.

examples:
  recheck report wandb.csv --output my_report

python:
  from recheck_command.actions import report
  print(report("wandb.csv", output="my_report").text)

{_STATUS}""",
    "audit": """\
input:
  TABLE is one table as a paper prints it: .csv, .md or .tex. Tasks are in rows and methods in columns, or
  the other way round; spreads, bold, footnotes, sections, totals and averages are understood.

output:
  A count, then one line for each finding: line and cell, what is there, what the source has, why, the name of
  the rule and how sure it is. Standard error says which document each column was compared with.

examples:
  recheck audit table.md
  recheck audit table.tex --version v2,antmaze:v0 --seeds 5 --select last

python:
  from recheck_command.actions import audit
  for finding in audit("table.md").data["findings"]:
      print(finding.line, finding.cell, finding.explanation)

exit status:
  0  no finding
  1  findings
  2  the table cannot be read: one message says what is wrong, where, and what is allowed""",
    "power": """\
input:
  Numbers in points of the normalised score (percent). The standard deviation between seeds is that of a
  seed's score; give --episode-sd only where it is not in it already.

output:
  How many training seeds give the wanted chance of `reproduced` if nothing differs, with the episodes that
  you have and with ten times as many.

examples:
  recheck power --margin 5 --seed-sd 3
  recheck power --margin 5 --seed-sd 3 --episode-sd 20 --episodes 10 --reported-seeds 10

python:
  from recheck_command.actions import power
  print(power(margin=5, seed_sd=3, episode_sd=20, episodes=100).data["seeds"])

exit status:
  0  done
  2  a number without meaning: one message says which, and what is allowed""",
    "evidence": """\
input:
  METHOD and TASK in any spelling: IQL, TD3+BC, td3_bc; hopper-medium-v2, Hopper-Medium-v2.

output:
  A row for each document that reports the number: table, column, score, spread and its kind, seeds,
  whether it is the document's own or copied, and the selection rule; below them means of public runs.

examples:
  recheck evidence IQL hopper-medium-v2
  recheck evidence TD3+BC hopper-medium --version v2

python:
  from recheck_command.actions import evidence
  print(evidence("TD3+BC", "hopper-medium", version="v2").data["reported"])

exit status:
  0  done, also where no document reports it
  2  no such method or task: the message has the nearest names""",
    "diff": """\
input:
  OLD and NEW are folders with evidence.csv as `snakemake evidence` writes it, or such files.

output:
  The verdicts that moved, with the reason of each: other scores, other reported numbers, or another rule.

examples:
  recheck diff results/evidence_before results/evidence

python:
  from recheck_command.actions import diff
  print(diff("results/evidence_before", "results/evidence").text)

exit status:
  0  done
  2  a table is absent or is none of evidence""",
    "merge": """\
input:
  OTHER is the folder `results` of another clone or cluster, or that clone. --root DIR is the clone that takes
  its results, this folder where it is left out.

output:
  Datasets, blocks of trained seeds and episodes are copied with their records; their number is printed. Every
  file is compared with the hash in its record first. --check compares and copies nothing. Scores, tables and
  figures are not taken: the next call of Snakemake makes them, and trains nothing that was taken.

examples:
  recheck merge /scratch/other/results --check
  recheck merge /scratch/other/results

python:
  from recheck_command.actions import merge
  print(merge("/scratch/other/results", check=True).text)

exit status:
  0  done
  2  a damaged file, or a contradiction between the two folders: one message, and nothing has been copied""",
    "crate": """\
input:
  FOLDER is a folder of results: `results`, `results/published`, or the output of `recheck report`. It needs
  the package rocrate (pip install 'recheck[crate]').

output:
  FOLDER/ro-crate-metadata.json: every file with size, SHA-256 and format, the program with its version, and
  for each stage that left a record what it read and made. It is read back, and every file is compared. Logs,
  the state of unfinished runs and hidden files are left out.

examples:
  recheck crate results
  recheck crate results/published --name "Our runs" --date 2026-11-27

python:
  from recheck_command.actions import crate
  print(crate("results/published", name="Our runs").text)

exit status:
  0  done
  2  no such folder, nothing in it, or rocrate is not installed: one message""",
    "doctor": """\
input:
  Nothing. --root is the folder of a checkout whose results are looked for; the working folder if left out.

output:
  One line for each purpose (tables, workflow, training, Minari's datasets, a cluster, TensorBoard logs): can
  run, or what is not installed. Then versions, which data files are available, and the GPU.

examples:
  recheck doctor
  recheck doctor --root ~/recheck

python:
  from recheck_command.actions import doctor
  print(doctor().data["missing"]["training"])

exit status:
  0  always""",
}
"""Word -> the part of its page below the options."""
