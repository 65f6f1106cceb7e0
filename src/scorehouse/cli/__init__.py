"""Commands of the command line, one module per command; a module is imported when its command is called.

Exit codes, the same for all: 0 done, 1 an error that the message explains, 2 wrong usage, 3 something
differs (only `replay`, `evidence`, `retrain --prove`, and commands with --exit-code). `retrain` has more,
from 10 on.
"""

from __future__ import annotations

from scorehouse.cli.lazy import LazyGroup

# Commands by name, in the groups and the order of the help, which is that of the work: where each is, and the
# first sentence of its help.
GROUPS = {
    "Start": {
        "init": (
            "init:init_command",
            "Prepare a dbt project for the ML model NAME: package, profile, folders, variables, "
            "training script.",
        ),
        "scaffold": (
            ":scaffold_group",
            "Write dbt files for a registered ML model: prediction table, tests, mart, monitors, exposure.",
        ),
        "completion": (
            "completion:completion_command",
            "Print the completion script of SHELL: commands, options and registered names.",
        ),
    },
    "Register": {
        "register": (
            "register:register_command",
            "Register the fitted estimator in ESTIMATOR, a joblib or skops file, as the next "
            "version of NAME.",
        ),
        "import": (":import_group", "Register ML models from another registry."),
        "sync": (
            ":sync_group",
            "Follow another registry: import the versions that its aliases name, and move the aliases here.",
        ),
        "prove": (
            "prove:prove_command",
            "Find and prove the forms of the versions of NAME, by default of all ML models.",
        ),
        "importance": (
            "importance:importance_command",
            "Measure the importance of the features of NAME, and write it into ml_NAME__signature.",
        ),
        "reference": (
            "reference:reference_command",
            "Learn again what monitoring compares NAME with, and write it into ml_NAME__reference.",
        ),
    },
    "Look up": {
        "list": ("list:list_command", "List all registered versions."),
        "show": (
            "show:show_command",
            "Show a registered version: REFERENCE is churn, churn@challenger or churn/2.",
        ),
        "diff": ("diff:diff_command", "Compare two versions of NAME: facts, quality and features."),
    },
    "Promote and retrain": {
        "promote": ("promote:promote_command", "Move an alias to VERSION of the ML model NAME."),
        "retrain": (
            "retrain:retrain_command",
            "Train NAME again if its signals ask for it, register a challenger, and judge it by the gate.",
        ),
    },
    "Score": {
        "score": (
            "score:score_command",
            "Score the first rows of a feature table and print them; nothing is written.",
        ),
        "runs": (
            "runs:runs_command",
            "List scoring runs, newest first, from the run log of the target that you name.",
        ),
    },
    "Explain": {
        "explain": (
            "explain:explain_command",
            "Explain one prediction of the ML model NAME: run, features, contributions, and what "
            "would flip it.",
        ),
    },
    "Monitor": {
        "report": (
            "report:report_command",
            "Write an HTML report on the ML model NAME, or on all of them, from the target that you name.",
        ),
        "export": (
            ":export_group",
            "Export predictions, ML models or what monitoring found.",
        ),
    },
    "Audit": {
        "check": (
            "check:check_command",
            "Verify every registered version; exits with 1 if one cannot score.",
        ),
        "replay": (
            "replay:replay_command",
            "Score the input of a run again, and compare the result with the prediction table.",
        ),
        "evidence": (":evidence_group", "Seal the run log, sign versions, pack evidence for an audit."),
    },
    "Integrate": {
        "mcp": (
            "mcp:mcp_command",
            "Serve registry, runs, verdicts and explanations to an agent, read-only, by MCP on "
            "standard input.",
        ),
    },
}
MAIN = {name: place for places in GROUPS.values() for name, place in places.items()}
SCAFFOLD = {
    "exposure": (
        "scaffold_mart:exposure_command",
        "Write the exposure NAME: a consumer of predictions, at the end of the lineage.",
    ),
    "mart": (
        "scaffold_mart:mart_command",
        "Write a mart of the predictions of NAME, with its columns and tests.",
    ),
    "monitors": (
        "scaffold_monitors:monitors_command",
        "Write the monitors of NAME: profiles, drift and signals; with --labels also performance.",
    ),
    "predictions": (
        "scaffold:predictions_command",
        "Write the prediction table of NAME: the dbt model, and YAML with its columns and tests.",
    ),
    "retraining": (
        "scaffold_retraining:retraining_command",
        "Write what retraining NAME needs: training function, training set, shadow, gate and variable.",
    ),
    "tests": (
        "scaffold_tests:scaffold_tests_command",
        "Write dbt tests for the feature table of the ML model NAME, from its signature.",
    ),
}
IMPORT = {
    "mlflow": (
        "mlflow:import_command",
        "Register the MLflow model REFERENCE as the next version of NAME.",
    ),
}
SYNC = {
    "mlflow": (
        "mlflow:sync_command",
        "Follow the aliases of the MLflow model REGISTERED_NAME in the ML model NAME.",
    ),
}
EVIDENCE = {
    "pack": (
        "evidence:pack_command",
        "Write one folder of evidence about a version, or about one run of it, that can be verified offline.",
    ),
    "seal": (
        "seal:seal_command",
        "Seal the finished runs of a target in a hash chain, and say which rows were altered since.",
    ),
    "sign": (
        "evidence:sign_command",
        "Sign the files of a registered version with a private key; writes model.sig beside its artifact.",
    ),
    "verify": (
        "evidence:verify_command",
        "Verify an evidence pack offline: what was altered, is missing, was added, or is not signed.",
    ),
}
EXPORT = {
    "alerts": (
        "monitoring:export_alerts_command",
        "Write the alerts of NAME, or of all ML models, as the payload of a webhook.",
    ),
    "mlflow": (
        "mlflow:export_command",
        "Export the registered version REFERENCE (churn@champion, churn/3) as an MLflow model.",
    ),
    "predictions": (
        "export_predictions:export_predictions_command",
        "Export the rows of the prediction table NODE that are new, changed or gone since the last export.",
    ),
    "monitoring": (
        "monitoring:export_monitoring_command",
        "Write what monitoring found about NAME, or about all ML models, as one long table.",
    ),
}

scaffold_group = LazyGroup("scaffold", places=SCAFFOLD, help=MAIN["scaffold"][1])
import_group = LazyGroup("import", places=IMPORT, help=MAIN["import"][1])
sync_group = LazyGroup("sync", places=SYNC, help=MAIN["sync"][1])
evidence_group = LazyGroup("evidence", places=EVIDENCE, help=MAIN["evidence"][1])
export_group = LazyGroup("export", places=EXPORT, help=MAIN["export"][1])
