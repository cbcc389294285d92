"""The plugins that ship with dicomnode."""
