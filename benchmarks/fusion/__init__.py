"""Registration of CE-MRN onto CE-T1WI on phantoms whose pose is known."""
