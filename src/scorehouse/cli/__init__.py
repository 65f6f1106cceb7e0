"""Commands of the command line. A module is imported when its command is called, not when help lists it.

The command `export alerts` is the function `export_alerts_command`; `SHARED` says in which module, where it
is not `export_alerts`. The sentences are the first ones of the help of each command.

Exit codes, the same for all: 0 done, 1 an error that the message explains, 2 wrong usage, 3 something
differs (only `replay`, `impact --check`, `evidence`, `retrain --prove`, and commands with --exit-code).
`retrain` has more, from 10 on.
"""

from __future__ import annotations

# As the help groups them, in the order of the work.
GROUPS = {
    "Start": {
        "init": "Prepare a dbt project for the ML model NAME: package, profile, folders, variables, training "
        "script.",
        "scaffold": "Write dbt files for a registered ML model: prediction table, tests, mart, monitors, "
        "exposure.",
        "completion": "Print the completion script of SHELL: commands, options and registered names.",
    },
    "Register": {
        "register": "Register the fitted estimator in ESTIMATOR, a joblib or skops file, as the next version "
        "of NAME.",
        "import": "Register ML models from another registry.",
        "sync": "Follow another registry: import the versions that its aliases name, and move the aliases "
        "here.",
        "compile": "Compile and prove the backends of the versions of NAME, by default of all ML models.",
        "archive": "Put old versions of NAME to rest: their reference and SQL leave the project's text.",
        "importance": "Measure the importance of the features of NAME, and write it into ml_NAME__signature.",
        "reference": "Learn again what monitoring compares NAME with, and write it into ml_NAME__reference.",
    },
    "Look up": {
        "list": "List all registered versions.",
        "show": "Show a registered version: REFERENCE is churn, churn@challenger or churn/2.",
        "diff": "Compare two versions of NAME: facts, quality and features.",
    },
    "Promote and retrain": {
        "impact": "Predict what moving an alias of NAME to VERSION changes: keys, limits, value, alarms, "
        "cost.",
        "promote": "Move an alias to VERSION of the ML model NAME, or remove one.",
        "retrain": "Train NAME again if its signals ask for it, register a challenger, and judge it by the "
        "gate.",
        "distil": "Let a slow version of NAME teach a student that has a program, and register it if that is "
        "worth it.",
    },
    "Score": {
        "score": "Score the first rows of a feature table and print them; nothing is written.",
        "runs": "List scoring runs, newest first, from the run log of the target that you name.",
    },
    "Explain": {
        "explain": "Explain one prediction of the ML model NAME: run, features, contributions, and what "
        "would flip it.",
        "answer": "Answer a person about a decision of the ML model NAME: what decided, what would have "
        "changed it.",
    },
    "Monitor": {
        "status": "Say in a few lines which ML models need a person, why, and what to do.",
        "report": "Write an HTML report on the ML model NAME, or on all of them, from the target that you "
        "name.",
        "export": "Export predictions, ML models or what monitoring found.",
        "rehearse": "Try the monitors of NAME on the past: which planted faults they find, how often they "
        "cry wolf.",
    },
    "Audit": {
        "check": "Verify every registered version, or those of NAMES; exits with 1 if one cannot score.",
        "replay": "Score the input of a run again, and compare the result with the prediction table.",
        "forget": "Forget persons: their rows leave tables and files, which a certificate names.",
        "evidence": "Seal the run log, sign versions, pack evidence for an audit.",
    },
    "Integrate": {
        "mcp": "Serve registry, runs, verdicts and explanations to an agent, read-only, by MCP on standard "
        "input.",
    },
}
SUBCOMMANDS = {
    "scaffold": {
        "exposure": "Write the exposure NAME: a consumer of predictions, at the end of the lineage.",
        "mart": "Write a mart of the predictions of NAME, with its columns and tests.",
        "monitors": "Write the monitors of NAME: profiles, drift and signals; with --labels also "
        "performance.",
        "predictions": "Write the prediction table of NAME: the dbt model, and YAML with its columns and "
        "tests.",
        "retraining": "Write what retraining NAME needs: training function, training set, shadow, gate and "
        "variable.",
        "student": "Write a sample that teacher and student of NAME score, its test, and the watch of their "
        "gap.",
        "tests": "Write dbt tests for the feature table of the ML model NAME, from its signature.",
    },
    "import": {"mlflow": "Register the MLflow model REFERENCE as the next version of NAME."},
    "sync": {"mlflow": "Follow the aliases of the MLflow model REGISTERED_NAME in the ML model NAME."},
    "evidence": {
        "pack": "Write one folder of evidence about a version, or about one run of it, that can be verified "
        "offline.",
        "seal": "Seal the finished runs of a target in a hash chain, and say which rows were altered since.",
        "sign": "Sign the files of a registered version, and what of its row decides, with a private key.",
        "verify": "Verify an evidence pack or a letter offline: what was altered, is missing, was added, "
        "or is not signed.",
    },
    "export": {
        "alerts": "Write the alerts of NAME, or of all ML models, as the payload of a webhook.",
        "mlflow": "Export the registered version REFERENCE (churn@champion, churn/3) as an MLflow model.",
        "monitoring": "Write what monitoring found about NAME, or about all ML models, as one long table.",
        "predictions": "Export the rows of the prediction table NODE that are new, changed or gone since the "
        "last export.",
    },
}
SHARED = {
    "evidence_pack": "evidence",
    "evidence_sign": "evidence",
    "evidence_verify": "evidence",
    "export_alerts": "export",
    "export_mlflow": "mlflow",
    "export_monitoring": "export",
    "export_predictions": "export",
    "import_mlflow": "mlflow",
    "importance": "register",
    "list": "show",
    "reference": "register",
    "scaffold_exposure": "scaffold_mart",
    "sync_mlflow": "mlflow",
}
