"""The command `recheck`, and the same from Python: scores, tables, audits, power.

    from recheck_command.actions import check, table, audit, power, evidence, doctor

    print(check("my_scores.csv").text)

The command calls the functions that the workflow calls; nothing is computed twice.
"""
