"""HL7 v2: orders and laboratory results in, advice out."""
