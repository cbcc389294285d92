"""Recurrence triage (DARNDEST): 3D DenseNets on T1, T2 and T1+C in three tiers, after treatment of the nasopharynx."""
