"""What may run here: installed plugins and their specifications."""
