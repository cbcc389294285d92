"""Logging that cannot leak a patient's identity."""
