"""What the suite knows of Amazon EMR: prices, measured rates, how a run is sized, and what runs took."""
