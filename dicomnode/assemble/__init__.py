"""What arrived, is it complete, and which plugins does it fit? Pure decisions."""
