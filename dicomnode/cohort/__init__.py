"""Labelled exams for a plugin's training and calibration."""
