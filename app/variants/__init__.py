"""The page Variants: trained models with the memory on, frozen and off."""
