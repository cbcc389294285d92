"""pynetdicom's home: the SCP that receives and the SCU that sends."""
