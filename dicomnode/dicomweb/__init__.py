"""DICOMweb (PS3.18) as a client: STOW-RS and QIDO-RS."""
