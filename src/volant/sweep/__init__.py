"""Search for hyper-parameters on validation.

Hydra composes each trial, Optuna chooses it, a database keeps the study.

    python -m volant.sweep -m flywheel=reviews sweep=linear    run, plan, sampling, trial, study, plots, show
    volant sweep apply reviews                                 apply, rewrite
"""
