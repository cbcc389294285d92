"""What plugins with trained models share: networks, training, calibration and the statistics that judge them."""
