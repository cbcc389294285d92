"""pydicom reading: headers, stacks, roles, geometry, volumes."""
