"""What learned agents are worth: all stored runs beside tuned fixed policies, planners and the clairvoyant bound.

``python -m experiments.agents`` plays every run of ``swapgym/agents/stored/trained`` on test scenarios, at the rate
and kernel variant that it was trained for, with its baselines on the same scenarios, and writes tables, replayable
records, a figure, and what the agents read.
"""
