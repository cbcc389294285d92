"""Image mathematics that several plugins share: registration, resampling, masks; no plugin itself."""
