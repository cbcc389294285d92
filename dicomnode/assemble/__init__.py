"""What arrived, is it complete, and which plugins does it fit? Decisions; whoever is asked is handed in."""
