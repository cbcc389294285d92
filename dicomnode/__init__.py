"""A PACS-integrated AI node: MR series in by C-STORE, plugins, DICOM results out."""

__version__ = "0.1.0"
